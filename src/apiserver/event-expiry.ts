import type { Clock, Log } from '../base/index.ts';
import type { corev1, Resource } from '../kube/index.ts';
import { type ObjectStorage, WriteRace } from './storage/object-storage.ts';

/** kube-apiserver's --event-ttl. */
const TTL_MS = 3600 * 1000;
const INTERVAL_MS = 5 * 60 * 1000;

/** Events live for an hour after their last write, as upstream (there by a lease of etcd). */
export async function expireEvents(options: {
  storage: ObjectStorage;
  events: Resource;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Promise<void> {
  const { storage, events, clock, log, signal } = options;
  while (!signal.aborted) {
    try {
      await clock.sleep(INTERVAL_MS, signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    try {
      await expireOnce(storage, events, clock.now());
    } catch (error) {
      log.warn('old events could not be deleted', { error });
    }
  }
}

export async function expireOnce(storage: ObjectStorage, events: Resource, nowMs: number): Promise<void> {
  const { items } = await storage.list({ prefix: storage.prefixOf(events, '*') });
  for (const { key, value, modRevision } of items) {
    const event = storage.decode<corev1.Event>(events, value);
    if (lastSeen(event) > nowMs - TTL_MS) continue;
    try {
      await storage.delete(events, key, event, modRevision);
    } catch (error) {
      // Written again just now: it lives on.
      if (!(error instanceof WriteRace)) throw error;
    }
  }
}

function lastSeen(event: corev1.Event): number {
  const times = [
    event.lastTimestamp,
    event.series?.lastObservedTime,
    event.eventTime,
    event.metadata.creationTimestamp,
  ];
  const known = times.flatMap((time) => (time ? [Date.parse(time)] : []));
  return Math.max(...known.filter((time) => !Number.isNaN(time)));
}
