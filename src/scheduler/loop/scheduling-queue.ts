import type { Clock } from '../../base/index.ts';
import { type ClusterEvent, mayHelp } from './cluster-event.ts';

/** One pod that waits for a node. */
export interface QueuedPod {
  key: string;
  priority: number;
  /** When it first came in; earlier goes first among equals. */
  addedAtMs: number;
  attempts: number;
  lastAttemptMs: number;
  /** What kept it from every node at the last try. */
  filters: ReadonlySet<string>;
}

const INITIAL_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 10_000;
/** A pod that nothing woke for so long is tried again anyway. */
const MAX_UNSCHEDULABLE_MS = 300_000;
const NONE: ReadonlySet<string> = new Set();

/**
 * Pods that wait for a node: ready ones by priority then time, those that back off after a failure, and
 * those that no node could take, which wait for something to change. As kube-scheduler's PriorityQueue.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #ready = new Map<string, QueuedPod>();
  readonly #backingOff = new Map<string, QueuedPod>();
  readonly #unschedulable = new Map<string, QueuedPod>();
  readonly #timers = new Map<string, AbortController>();
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new pod, or one whose spec changed: it is tried as soon as possible. */
  add(key: string, priority: number): void {
    const known = this.#ready.get(key) ?? this.#backingOff.get(key) ?? this.#unschedulable.get(key);
    this.remove(key);
    const fresh = { key, addedAtMs: this.#clock.now(), attempts: 0, lastAttemptMs: 0, filters: NONE };
    this.#makeReady({ ...fresh, ...known, priority });
  }

  has(key: string): boolean {
    return this.#ready.has(key) || this.#backingOff.has(key) || this.#unschedulable.has(key);
  }

  remove(key: string): void {
    this.#ready.delete(key);
    this.#backingOff.delete(key);
    this.#unschedulable.delete(key);
    this.#timers.get(key)?.abort();
    this.#timers.delete(key);
  }

  /** No node could take it: it waits until the cluster changes. */
  addUnschedulable(pod: QueuedPod): void {
    this.#unschedulable.set(pod.key, pod);
    this.#later(pod.key, MAX_UNSCHEDULABLE_MS, () => {
      this.#unschedulable.delete(pod.key);
      this.#makeReady(pod);
    });
  }

  /** It failed for another reason (an error): it is tried again after its back-off. */
  addBackingOff(pod: QueuedPod): void {
    const delayMs = pod.lastAttemptMs + backoffMs(pod.attempts) - this.#clock.now();
    if (delayMs <= 0) {
      this.#makeReady(pod);
      return;
    }
    this.#backingOff.set(pod.key, pod);
    this.#later(pod.key, delayMs, () => {
      this.#backingOff.delete(pod.key);
      this.#makeReady(pod);
    });
  }

  /** Something changed that may let waiting pods find a node. */
  clusterChanged(event: ClusterEvent): void {
    for (const pod of [...this.#unschedulable.values()]) if (mayHelp(event, pod.filters)) this.#wakeUp(pod);
  }

  /** Whatever kept this one waiting may be over. */
  podChanged(key: string): void {
    const pod = this.#unschedulable.get(key);
    if (pod !== undefined) this.#wakeUp(pod);
  }

  /** The first ready pod; undefined when `signal` aborted. */
  async take(signal: AbortSignal): Promise<QueuedPod | undefined> {
    while (!signal.aborted) {
      const next = this.#first();
      if (next !== undefined) {
        this.#ready.delete(next.key);
        return { ...next, attempts: next.attempts + 1, lastAttemptMs: this.#clock.now() };
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
    return undefined;
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.abort();
    this.#timers.clear();
  }

  #first(): QueuedPod | undefined {
    let first: QueuedPod | undefined;
    for (const pod of this.#ready.values())
      if (
        first === undefined ||
        pod.priority > first.priority ||
        (pod.priority === first.priority && pod.addedAtMs < first.addedAtMs)
      )
        first = pod;
    return first;
  }

  #wakeUp(pod: QueuedPod): void {
    this.remove(pod.key);
    this.addBackingOff(pod);
  }

  #makeReady(pod: QueuedPod): void {
    this.#ready.set(pod.key, pod);
    this.#wake?.();
  }

  #later(key: string, delayMs: number, act: () => void): void {
    const timer = new AbortController();
    this.#timers.set(key, timer);
    this.#clock.sleep(delayMs, timer.signal).then(
      () => {
        if (this.#timers.get(key) === timer) this.#timers.delete(key);
        act();
      },
      () => undefined, // Only its own abort ends the sleep early: the pod was taken off the queue.
    );
  }
}

/** 1 s after the first attempt, then 2 s, 4 s, … 10 s. */
export function backoffMs(attempts: number): number {
  return Math.min(INITIAL_BACKOFF_MS * 2 ** Math.max(0, attempts - 1), MAX_BACKOFF_MS);
}
