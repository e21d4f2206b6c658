import type { Clock } from '../base/index.ts';
import type { corev1 } from '../kube/index.ts';

/** client-go's limits, tools/record/events_cache.go. */
const MAX_ENTRIES = 4096;
const MAX_SIMILAR = 10;
const SIMILAR_WINDOW_MS = 600_000;
const SPAM_BURST = 25;
const SPAM_REFILL_MS = 300_000;

export interface EventDraft {
  involvedObject: corev1.ObjectReference;
  type: 'Normal' | 'Warning';
  reason: string;
  message: string;
  source: corev1.EventSource;
  /** The workspace the event belongs to. */
  workspace: string;
}

export type Correlation =
  | { kind: 'drop' }
  | { kind: 'create'; key: string; message: string }
  | { kind: 'count'; key: string; message: string; name: string; count: number };

/**
 * Decides whether an event is new, one more of an earlier one, or too much: as client-go's EventCorrelator.
 * The same event counts up; after ten similar ones within ten minutes (same object and reason, other
 * message) they become one "(combined from similar events)"; an object gets 25 events at once and one more
 * every five minutes.
 */
export class EventCorrelator {
  readonly #clock: Clock;
  readonly #written = new RecentMap<{ name: string; count: number }>(MAX_ENTRIES);
  readonly #similar = new RecentMap<{ messages: Set<string>; lastMs: number }>(MAX_ENTRIES);
  readonly #buckets = new RecentMap<{ tokens: number; atMs: number }>(MAX_ENTRIES);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  correlate(event: EventDraft): Correlation {
    const { message, combined } = this.#aggregate(event);
    const similarKey = similarKeyOf(event);
    const key = combined ? similarKey : `${similarKey}\0${event.message}`;
    if (!this.#takeToken(`${sourceKeyOf(event)}\0${objectKeyOf(event)}`)) return { kind: 'drop' };
    const known = this.#written.get(key);
    return known === undefined
      ? { kind: 'create', key, message }
      : { kind: 'count', key, message, name: known.name, count: known.count + 1 };
  }

  /** Tells what is on the server now, so that the next one counts on. */
  remember(key: string, name: string, count: number): void {
    this.#written.set(key, { name, count });
  }

  forget(key: string): void {
    this.#written.delete(key);
  }

  #aggregate(event: EventDraft): { message: string; combined: boolean } {
    const key = similarKeyOf(event);
    const nowMs = this.#clock.now();
    let group = this.#similar.get(key);
    if (group === undefined || nowMs - group.lastMs > SIMILAR_WINDOW_MS) {
      group = { messages: new Set(), lastMs: nowMs };
    }
    group.messages.add(event.message);
    group.lastMs = nowMs;
    this.#similar.set(key, group);
    if (group.messages.size < MAX_SIMILAR) return { message: event.message, combined: false };
    for (const oldest of group.messages) {
      group.messages.delete(oldest);
      break;
    }
    return { message: `(combined from similar events): ${event.message}`, combined: true };
  }

  #takeToken(key: string): boolean {
    const nowMs = this.#clock.now();
    const bucket = this.#buckets.get(key) ?? { tokens: SPAM_BURST, atMs: nowMs };
    bucket.tokens = Math.min(SPAM_BURST, bucket.tokens + (nowMs - bucket.atMs) / SPAM_REFILL_MS);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }
}

function sourceKeyOf(event: EventDraft): string {
  return `${event.source.component ?? ''}\0${event.source.host ?? ''}`;
}

function objectKeyOf({ workspace, involvedObject: o }: EventDraft): string {
  return [workspace, o.kind, o.namespace, o.name, o.uid, o.apiVersion].join('\0');
}

function similarKeyOf(event: EventDraft): string {
  const field = event.involvedObject.fieldPath ?? '';
  return [sourceKeyOf(event), objectKeyOf(event), field, event.type, event.reason].join('\0');
}

/** A map that forgets what was set longest ago. */
class RecentMap<V> {
  readonly #limit: number;
  readonly #map = new Map<string, V>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  set(key: string, value: V): void {
    this.#map.delete(key);
    this.#map.set(key, value);
    if (this.#map.size <= this.#limit) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      break;
    }
  }

  delete(key: string): void {
    this.#map.delete(key);
  }
}
