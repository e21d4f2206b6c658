import { type Clock, Conflict, Invalid, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, PODS, workspaceOf } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { PASSING_CONDITIONS } from './pod-conditions.ts';

interface Wanted {
  pod: corev1.Pod;
  status: corev1.PodStatus;
}

interface Slot {
  wanted: Wanted | undefined;
  /** The last status that was written, and its text. */
  sent: corev1.PodStatus | undefined;
  written: string;
  idle: Promise<void>;
}

const retryMs = [100, 500, 1_000, 2_000, 5_000, 10_000];

/**
 * Writes pods' statuses: one write of a pod at a time and always the newest, so an older status never lands
 * on a newer one; what changes while a write is under way becomes one next write. Without the API server it
 * goes on trying.
 */
export class StatusWriter {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #slots = new Map<string, Slot>();
  #signal: AbortSignal | undefined;

  constructor(options: { client: Client; clock: Clock; log: Log }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** `force` writes even what was written last: somebody else has changed it. */
  write(pod: corev1.Pod, status: corev1.PodStatus, options: { force?: boolean } = {}): void {
    const { uid } = pod.metadata;
    const slot = this.#slots.get(uid) ?? {
      wanted: undefined,
      sent: undefined,
      written: '',
      idle: Promise.resolve(),
    };
    this.#slots.set(uid, slot);
    if (options.force) slot.written = '';
    const wasIdle = slot.wanted === undefined;
    slot.wanted = { pod, status };
    if (wasIdle) slot.idle = this.#drain(uid, slot);
  }

  /** Resolves when everything given so far for the pod is written, or cannot be. */
  async settled(podUid: string): Promise<void> {
    await this.#slots.get(podUid)?.idle;
  }

  forget(podUid: string): void {
    const slot = this.#slots.get(podUid);
    if (slot) slot.wanted = undefined;
    this.#slots.delete(podUid);
  }

  async #drain(podUid: string, slot: Slot): Promise<void> {
    for (let failures = 0; slot.wanted !== undefined && !this.#signal?.aborted; ) {
      const wanted = slot.wanted;
      const text = JSON.stringify(wanted.status);
      try {
        if (text !== slot.written) await this.#send(wanted, slot.sent ?? wanted.pod.status);
        slot.written = text;
        slot.sent = wanted.status;
        failures = 0;
        if (slot.wanted === wanted) slot.wanted = undefined;
      } catch (error) {
        if (isFinal(error)) {
          this.#log.debug('status not written', { pod: podUid, why: messageOf(error) });
          slot.wanted = undefined;
          return;
        }
        const delayMs = retryMs[Math.min(failures++, retryMs.length - 1)]!;
        this.#log.debug('status not written, trying again', { pod: podUid, why: messageOf(error), delayMs });
        // Rejects only because of the signal, which ends the loop.
        await this.#clock.sleep(delayMs, this.#signal).catch(() => undefined);
      }
    }
  }

  /** With the uid, so that a new pod of the same name refuses it. */
  async #send({ pod, status }: Wanted, before: corev1.PodStatus | undefined): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    const body = { metadata: { uid }, status: mergePatch(status, before) };
    await this.#client
      .in(workspaceOf(pod))
      .resource<corev1.Pod>(PODS)
      .patch(
        name,
        { type: 'strategic', body },
        { ...(namespace !== undefined && { namespace }), subresource: 'status' },
      );
  }
}

/**
 * A strategic merge keeps what is not named: what shall go has to be null, lists with keys have to be
 * replaced. Conditions are merged, since others own some of them.
 */
function mergePatch(status: corev1.PodStatus, before: corev1.PodStatus | undefined): object {
  if (before === undefined) return status;
  const replaced = Object.fromEntries(
    (['podIPs', 'hostIPs'] as const)
      .filter((key) => before[key]?.length && JSON.stringify(before[key]) !== JSON.stringify(status[key]))
      .map((key) => [key, [...(status[key] ?? []), { $patch: 'replace' }]]),
  );
  const conditions = (status.conditions ?? []).map((condition) => {
    const old = before.conditions?.find(({ type }) => type === condition.type);
    return old === undefined ? condition : { ...condition, ...removals(condition, old) };
  });
  const over = (before.conditions ?? [])
    .map(({ type }) => type)
    .filter((type) => PASSING_CONDITIONS.includes(type))
    .filter((type) => !conditions.some((condition) => condition.type === type))
    .map((type) => ({ type, $patch: 'delete' }));
  return { ...status, conditions: [...conditions, ...over], ...replaced, ...removals(status, before) };
}

/** `reason` and `message` that were there and shall not be. */
function removals(now: Explained, before: Explained): object {
  const gone = (['reason', 'message'] as const).filter(
    (key) => now[key] === undefined && before[key] !== undefined,
  );
  return Object.fromEntries(gone.map((key) => [key, null]));
}

type Explained = { reason?: string; message?: string };

function isFinal(error: unknown): boolean {
  return error instanceof NotFound || error instanceof Conflict || error instanceof Invalid;
}
