import type { corev1, eventsv1 } from '../types/index.generated.ts';

/** Fields that mean the same under two names (k8s.io/kubernetes/pkg/apis/events/v1/conversion.go). */
const RENAMED: readonly (readonly [keyof eventsv1.Event, keyof corev1.Event])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

/** An events.k8s.io/v1 event as the core/v1 event that is stored. */
export function toCoreEvent(event: eventsv1.Event): corev1.Event {
  const core = renamed(event, RENAMED);
  return {
    involvedObject: {},
    ...core,
    apiVersion: 'v1',
    kind: 'Event',
  } as unknown as corev1.Event;
}

/** A stored core/v1 event as events.k8s.io/v1 shows it. */
export function toEventsEvent(event: corev1.Event): eventsv1.Event {
  const names = RENAMED.map(([events, core]) => [core, events] as const);
  return {
    ...renamed(event, names),
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
  } as unknown as eventsv1.Event;
}

function renamed(object: object, names: readonly (readonly [string, string])[]): Record<string, unknown> {
  const map = new Map(names);
  return Object.fromEntries(
    Object.entries(object)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [map.get(key) ?? key, value]),
  );
}
