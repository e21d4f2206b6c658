import type { KubeObject, Resource } from '../../kube/index.ts';

/**
 * A resource that is another one's objects in other words: events.k8s.io/v1 shows and stores core/v1 Events.
 * Source: k8s.io/kubernetes/pkg/apis/events/v1/conversion.go.
 */
export interface StorageView {
  stored: Pick<Resource, 'group' | 'name'> & { apiVersion: string };
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

/** [events.k8s.io/v1, core/v1]. */
const EVENT_FIELDS: readonly (readonly [string, string])[] = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
];

const EVENTS_VIEW: StorageView = {
  stored: { group: '', name: 'events', apiVersion: 'v1' },
  toStored: (object) =>
    rename(
      object,
      'v1',
      EVENT_FIELDS.map(([view, stored]) => [view, stored]),
    ),
  fromStored: (object) =>
    rename(
      object,
      'events.k8s.io/v1',
      EVENT_FIELDS.map(([view, stored]) => [stored, view]),
    ),
};

export function viewOf(resource: Pick<Resource, 'group' | 'name'>): StorageView | undefined {
  return resource.group === 'events.k8s.io' && resource.name === 'events' ? EVENTS_VIEW : undefined;
}

function rename(
  object: KubeObject,
  apiVersion: string,
  names: readonly (readonly [string, string])[],
): KubeObject {
  const map = new Map(names);
  const renamed: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(object)) renamed[map.get(field) ?? field] = value;
  renamed.apiVersion = apiVersion;
  return renamed as unknown as KubeObject;
}
