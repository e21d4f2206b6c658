import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from './equality.ts';
import { invalid, invalidEach, required } from './field-errors.ts';
import { dns1123Subdomain, qualifiedName } from './formats.ts';
import { validateImmutableFields } from './object-meta.ts';

type Event = corev1.Event;

/** The rules for core/v1 events (core legacyValidateEvent). */
export function validateEvent(event: Event): FieldError[] {
  const namespace = event.metadata.namespace ?? '';
  const errors = event.eventTime
    ? validateNewStyle(event, namespace)
    : validateInvolvedNamespace(event, namespace, ['', 'default']);
  return [...errors, ...invalidEach('namespace', namespace, dns1123Subdomain(namespace))];
}

function validateInvolvedNamespace(
  event: Event,
  namespace: string,
  forNone: readonly string[],
): FieldError[] {
  const involved = event.involvedObject?.namespace ?? '';
  const fine = involved === '' ? forNone.includes(namespace) : involved === namespace;
  return fine ? [] : [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
}

/** Events that carry an eventTime say who reported them and what was done. */
function validateNewStyle(event: Event, namespace: string): FieldError[] {
  const involved = event.involvedObject?.namespace ?? '';
  const errors =
    involved === '' ? validateInvolvedNamespace(event, namespace, ['default', 'kube-system']) : [];
  const controller = event.reportingComponent ?? '';
  if (controller === '') errors.push(required('reportingController'));
  append(errors, invalidEach('reportingController', controller, qualifiedName(controller)));
  for (const name of ['reportingInstance', 'action', 'reason'] as const) {
    const value = event[name] ?? '';
    if (value === '') errors.push(required(name));
    append(errors, validateLength(value, name, 128));
  }
  return [...errors, ...validateLength(event.message ?? '', 'message', 1024)];
}

function validateLength(value: string, field: string, most: number): FieldError[] {
  return Buffer.byteLength(value) > most ? [invalid(field, '', `can have at most ${most} characters`)] : [];
}

/** The stricter rules of events that come in as events.k8s.io/v1, on their core form. */
export function validateStrictEvent(event: Event): FieldError[] {
  const errors = [...validateEvent(event), ...validateSeries(event)];
  if (!event.eventTime) errors.push(required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalid('type', '', `has invalid value: ${event.type ?? ''}`));
  }
  const unset = 'needs to be unset';
  if (event.firstTimestamp) errors.push(invalid('firstTimestamp', '', unset));
  if (event.lastTimestamp) errors.push(invalid('lastTimestamp', '', unset));
  if (event.count) errors.push(invalid('count', '', unset));
  if (event.source?.component || event.source?.host) errors.push(invalid('source', '', unset));
  return errors;
}

function validateSeries(event: Event): FieldError[] {
  if (event.series === undefined) return [];
  const errors: FieldError[] = [];
  if (event.series.count < 2) errors.push(invalid('series.count', '', 'should be at least 2'));
  if (!event.series.lastObservedTime) errors.push(required('series.lastObservedTime'));
  return errors;
}

const IMMUTABLE = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingInstance',
] as const;

export function validateStrictEventUpdate(event: Event, old: Event): FieldError[] {
  return [
    ...validateEvent(event),
    ...(semanticallyEqual(event.series, old.series) ? [] : validateSeries(event)),
    ...validateImmutableFields(event, old, IMMUTABLE),
    ...(event.reportingComponent === old.reportingComponent
      ? []
      : [invalid('reportingController', event.reportingComponent, 'field is immutable')]),
  ];
}
