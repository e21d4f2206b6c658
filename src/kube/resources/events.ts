import type { FieldError } from '../../base/index.ts';
import type { Resource, TableColumn } from '../resource.ts';
import { eventColumns } from '../table/event-columns.ts';
import type { corev1, eventsv1 } from '../types/index.generated.ts';
import { validateEvent, validateStrictEvent, validateStrictEventUpdate } from '../validation/events.ts';
import { builtin, selectable } from './builtin.ts';
import { toCoreEvent, toEventsEvent } from './event-conversion.ts';

type InvolvedField = 'kind' | 'namespace' | 'name' | 'uid' | 'apiVersion' | 'resourceVersion' | 'fieldPath';

const INVOLVED_FIELDS: readonly InvolvedField[] = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
];

function involvedFields(prefix: string): Record<string, (event: corev1.Event) => string | undefined> {
  return Object.fromEntries(
    INVOLVED_FIELDS.map((field) => [`${prefix}.${field}`, (event) => event.involvedObject[field]]),
  );
}

function sourceOf({ source, reportingComponent }: corev1.Event): string | undefined {
  return source?.component || reportingComponent;
}

export const eventsResource: Resource = {
  ...builtin({
    kind: 'Event',
    name: 'events',
    shortNames: ['ev'],
    schema: { ref: 'core/v1.Event' },
    columns: eventColumns,
  }),
  defaults: (event) => {
    (event as Partial<corev1.Event>).involvedObject ??= {};
  },
  validateCreate: (event): FieldError[] => validateEvent(event as corev1.Event),
  validateUpdate: (event): FieldError[] => validateEvent(event as corev1.Event),
  selectableFields: selectable<corev1.Event>({
    ...involvedFields('involvedObject'),
    reason: ({ reason }) => reason,
    reportingComponent: ({ reportingComponent }) => reportingComponent,
    source: sourceOf,
    type: ({ type }) => type,
  }),
};

/** A function of the core event, asked of an events.k8s.io/v1 one. */
function onCore<R>(of: (event: corev1.Event) => R): (event: object) => R {
  return (event) => of(toCoreEvent(event as eventsv1.Event));
}

function columnOnCore(column: TableColumn): TableColumn {
  return { ...column, cell: (event, now) => column.cell(toCoreEvent(event as eventsv1.Event), now) };
}

/**
 * The same events as in the core group, in their newer shape and with stricter rules for what comes in.
 * They are stored as core/v1 events: `storage` says how.
 */
export const eventsGroupEventsResource: Resource = {
  ...builtin({
    group: 'events.k8s.io',
    kind: 'Event',
    name: 'events',
    shortNames: ['ev'],
    schema: { ref: 'events/v1.Event' },
    columns: eventColumns.map(columnOnCore),
  }),
  storage: {
    group: '',
    version: 'v1',
    name: 'events',
    toStored: (event) => toCoreEvent(event as eventsv1.Event),
    fromStored: (event) => toEventsEvent(event as corev1.Event),
  },
  validateCreate: onCore(validateStrictEvent),
  validateUpdate: (event, old) =>
    validateStrictEventUpdate(toCoreEvent(event as eventsv1.Event), toCoreEvent(old as eventsv1.Event)),
  selectableFields: Object.fromEntries(
    Object.entries(
      selectable<corev1.Event>({
        ...involvedFields('regarding'),
        reason: ({ reason }) => reason,
        reportingController: ({ reportingComponent }) => reportingComponent,
        type: ({ type }) => type,
      }),
    ).map(([name, get]) => [name, onCore(get)]),
  ),
};
