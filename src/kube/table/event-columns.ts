import type { TableColumn } from '../resource.ts';
import type { corev1 } from '../types/index.generated.ts';
import { column } from './common-columns.ts';
import { ageOf } from './human-duration.ts';

type Event = corev1.Event;

function firstSeen(event: Event, now: Date): string {
  return ageOf(event.firstTimestamp || event.eventTime, now);
}

function lastSeen(event: Event, now: Date): string {
  if (event.series) return ageOf(event.series.lastObservedTime, now);
  return event.lastTimestamp ? ageOf(event.lastTimestamp, now) : firstSeen(event, now);
}

function target({ involvedObject: { kind = '', name = '' } }: Event): string {
  return name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`;
}

function source({ source: from, reportingComponent, reportingInstance }: Event): string {
  const component = from?.component || reportingComponent || '';
  const instance = from?.host || reportingInstance || '';
  return instance === '' ? component : `${component}, ${instance}`;
}

export const eventColumns: readonly TableColumn[] = [
  column<Event>('Last Seen', 'When it happened last.', lastSeen),
  column<Event>('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column<Event>('Reason', 'Why, in one word.', ({ reason }) => reason ?? ''),
  column<Event>('Object', 'What it is about.', target),
  column<Event>(
    'Subobject',
    'Which part of the object.',
    ({ involvedObject }) => involvedObject.fieldPath ?? '',
    { wide: true },
  ),
  column<Event>('Source', 'Who reported it.', source, { wide: true }),
  column<Event>('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
  column<Event>('First Seen', 'When it happened first.', firstSeen, { wide: true }),
  column<Event>('Count', 'How often it happened.', ({ series, count }) => series?.count ?? (count || 1), {
    wide: true,
  }),
  column<Event>('Name', 'The name of the event.', ({ metadata }) => metadata.name, {
    format: 'name',
    wide: true,
  }),
];
