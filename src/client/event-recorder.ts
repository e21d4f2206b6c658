import { type Clock, type Log, messageOf, NotFound, OrreryError } from '../base/index.ts';
import type { corev1, KubeObject } from '../kube/index.ts';
import type { Client } from './client.ts';
import { type Correlation, EventCorrelator, type EventDraft } from './event-correlator.ts';
import { workspaceOf } from './object-key.ts';
import { EVENTS } from './resource-refs.ts';
import { Unreachable } from './status-error.ts';

export interface EventRecorder {
  /**
   * Notes an event about an object; returns at once, it is written in the background.
   *
   * @param object whole, or a reference with kind, apiVersion, name, uid (and namespace).
   * @param options.fieldPath `spec.containers{web}`, for events about a part.
   */
  event(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options?: { fieldPath?: string },
  ): void;
  /** The same recorder, speaking for another component of the same process. */
  for(component: string): EventRecorder;
}

export interface EventRecorderOptions {
  client: Client;
  /** `deployment-controller`, `kubelet`: the event's source and reportingComponent. */
  component: string;
  /** The node's name, for components of a node. */
  host?: string;
  clock: Clock;
  log: Log;
}

const MAX_PENDING = 1000;
const MAX_MESSAGE = 1024;
const MAX_TRIES = 12;
const RETRY_MS = 10_000;

/**
 * Writes core/v1 Events in order, in the background, counting repeats up (see EventCorrelator). Events are
 * best effort: above 1,000 waiting ones and after 12 tries over two minutes they are dropped, with a log line.
 */
export class BackgroundEventRecorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #pending: { draft: EventDraft; atMs: number }[] = [];
  #wake: (() => void) | undefined;
  #sequence = 0;
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#correlator = new EventCorrelator(options.clock);
  }

  event(
    object: KubeObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options: { fieldPath?: string } = {},
  ): void {
    this.#enqueue(this.#options.component, object, { type, reason, message, ...options });
  }

  for(component: string): EventRecorder {
    return {
      event: (object, type, reason, message, options = {}) =>
        this.#enqueue(component, object, { type, reason, message, ...options }),
      for: (other) => this.for(other),
    };
  }

  /** Writes until `signal` aborts; what waits then is dropped. */
  async run(signal: AbortSignal): Promise<void> {
    const wake = () => this.#wake?.();
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      const next = this.#pending.shift();
      if (next !== undefined) await this.#write(next.draft, next.atMs, signal);
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
    signal.removeEventListener('abort', wake);
  }

  #enqueue(
    component: string,
    object: KubeObject,
    what: { type: 'Normal' | 'Warning'; reason: string; message: string; fieldPath?: string },
  ): void {
    if (this.#pending.length >= MAX_PENDING) {
      if (this.#dropped++ % MAX_PENDING === 0)
        this.#options.log.warn('too many events wait, dropping', { dropped: this.#dropped });
      return;
    }
    const { type, reason, fieldPath } = what;
    const message =
      what.message.length > MAX_MESSAGE ? `${what.message.slice(0, MAX_MESSAGE - 4)} ...` : what.message;
    const source: corev1.EventSource = {
      component,
      ...(this.#options.host !== undefined && { host: this.#options.host }),
    };
    const involvedObject = { ...referenceOf(object), ...(fieldPath !== undefined && { fieldPath }) };
    const draft = { involvedObject, type, reason, message, source, workspace: workspaceOf(object) };
    this.#pending.push({ draft, atMs: this.#options.clock.now() });
    this.#wake?.();
  }

  async #write(draft: EventDraft, atMs: number, signal: AbortSignal): Promise<void> {
    const correlation = this.#correlator.correlate(draft);
    if (correlation.kind === 'drop') return;
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#send(draft, correlation, atMs);
        return;
      } catch (error) {
        if (!mayHelpToRetry(error) || attempt === MAX_TRIES) {
          // A namespace that is being deleted takes no new events: ordinary, not worth a warning.
          const say = error instanceof OrreryError && error.code === 'Forbidden' ? 'debug' : 'warn';
          this.#options.log[say]('event not written', { reason: draft.reason, why: messageOf(error) });
          return;
        }
        await this.#options.clock.sleep(RETRY_MS, signal).catch(() => undefined);
      }
    }
  }

  async #send(
    draft: EventDraft,
    correlation: Exclude<Correlation, { kind: 'drop' }>,
    atMs: number,
  ): Promise<void> {
    const namespace = draft.involvedObject.namespace || 'default';
    const events = this.#options.client.in(draft.workspace).resource<corev1.Event>(EVENTS);
    const time = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
    if (correlation.kind === 'count') {
      const { key, name, count, message } = correlation;
      try {
        const body = { count, message, lastTimestamp: time };
        await events.patch(name, { type: 'merge', body }, { namespace });
        this.#correlator.remember(key, name, count);
        return;
      } catch (error) {
        if (!(error instanceof NotFound)) throw error; // Expired meanwhile: it begins anew.
      }
    }
    const name = this.#nameFor(draft, atMs);
    await events.create({
      metadata: { name, namespace },
      involvedObject: draft.involvedObject,
      type: draft.type,
      reason: draft.reason,
      message: correlation.message,
      source: draft.source,
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
      reportingComponent: draft.source.component ?? '',
      reportingInstance: draft.source.host ?? '',
    });
    this.#correlator.remember(correlation.key, name, 1);
  }

  /** `<object>.<nanoseconds in hex>`, as client-go; the sequence keeps two of one millisecond apart. */
  #nameFor(draft: EventDraft, atMs: number): string {
    this.#sequence = (this.#sequence + 1) % 1_000_000;
    const nanoseconds = BigInt(atMs) * 1_000_000n + BigInt(this.#sequence);
    return `${draft.involvedObject.name}.${nanoseconds.toString(16)}`;
  }
}

/** The reference to an object as events and target references carry it. */
export function referenceOf(object: KubeObject): corev1.ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    ...(object.kind !== undefined && { kind: object.kind }),
    ...(object.apiVersion !== undefined && { apiVersion: object.apiVersion }),
    ...(namespace !== undefined && { namespace }),
    name,
    uid,
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

function mayHelpToRetry(error: unknown): boolean {
  if (error instanceof Unreachable) return true;
  const status = error instanceof OrreryError ? error.details.status : undefined;
  return typeof status !== 'number' || status >= 500 || status === 429;
}
