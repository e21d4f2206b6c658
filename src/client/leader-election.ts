import { AlreadyExists, type Clock, Conflict, type Log, messageOf, NotFound } from '../base/index.ts';
import type { coordinationv1 } from '../kube/index.ts';
import type { Client } from './client.ts';
import { LEASES } from './resource-refs.ts';

export interface LeaderElectionOptions {
  client: Client;
  /** Of the Lease: `kube-system`. */
  namespace: string;
  name: string;
  /** Unlike that of any other candidate. */
  identity: string;
  /** Runs while this candidate leads; its signal aborts when the lead is lost or `signal` aborts. */
  lead(signal: AbortSignal): Promise<void>;
  clock: Clock;
  log: Log;
  /** client-go's defaults: 15,000, 10,000, 2,000. */
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  /**
   * There can be no other candidate (the store is this process's alone): whoever else holds the lease is gone, and the
   * lead is not lost when the lease cannot be renewed. It is renewed at two thirds of its duration. Default false.
   */
  isSole?: boolean;
}

/**
 * At most one of several candidates leads at a time, by a coordination.k8s.io Lease, as client-go's
 * leaderelection: a lease counts as expired when this candidate has seen no change of it for its duration
 * by its own clock, so clocks need not agree. Gives the lease up when `signal` aborts.
 *
 * Does not guarantee fencing: a leader that hangs longer than the lease may finish a write afterwards.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #renewPeriodMs: number;
  #observed: { resourceVersion: string; atMs: number } | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#renewPeriodMs =
      options.isSole === true
        ? Math.max(this.#retryPeriodMs, (this.#leaseDurationMs * 2) / 3)
        : this.#retryPeriodMs;
  }

  /** Stands for election again and again until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#tryToHold(signal)) {
        await this.#lead(signal);
        await this.#pause(this.#retryPeriodMs, signal);
      } else await this.#standBy(signal);
    }
  }

  /** Waits for the next try; a lease that is given up meanwhile ends the wait at once. */
  async #standBy(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const waiting = AbortSignal.any([signal, ending.signal]);
    await Promise.race([this.#pause(this.#retryPeriodMs, waiting), this.#released(waiting)]);
    ending.abort();
  }

  /** Resolves when nobody holds the lease any more; never when that cannot be watched. */
  async #released(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, log } = this.#options;
    const { resourceVersion } = this.#observed ?? {};
    if (resourceVersion !== undefined)
      try {
        const leases = client.resource<coordinationv1.Lease>(LEASES);
        const fieldSelector = `metadata.name=${name}`;
        for await (const { type, object } of leases.watch({
          namespace,
          fieldSelector,
          resourceVersion,
          signal,
        }))
          if (type === 'DELETED' || !object.spec?.holderIdentity) return;
      } catch (error) {
        if (!signal.aborted) log.debug('the lease cannot be watched', { lease: name, why: messageOf(error) });
      }
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log, name, identity, clock } = this.#options;
    const lost = new AbortController();
    const work = this.#options
      .lead(AbortSignal.any([signal, lost.signal]))
      .catch((error: unknown) => log.error('the leading work failed', { lease: name, error }))
      .finally(() => lost.abort());
    log.info('leading', { lease: name, identity });
    let renewedAtMs = clock.now();
    while (!signal.aborted && !lost.signal.aborted) {
      await this.#pause(this.#renewPeriodMs, AbortSignal.any([signal, lost.signal]));
      if (signal.aborted || lost.signal.aborted) break;
      const tryingSinceMs = clock.now();
      if (await this.#triesToHold(signal, renewedAtMs)) renewedAtMs = tryingSinceMs;
      else if (this.#options.isSole !== true && clock.now() - renewedAtMs >= this.#renewDeadlineMs) {
        log.warn('lost the lead', { lease: name, identity });
        lost.abort();
      }
    }
    await work;
    await this.#release();
  }

  /** A renewal that gets no answer does not keep the lead: another may have it by the time there is one. */
  async #triesToHold(signal: AbortSignal, renewedAtMs: number): Promise<boolean> {
    const trying = this.#tryToHold(signal);
    if (this.#options.isSole === true) return trying;
    const answered = new AbortController();
    const leftMs = renewedAtMs + this.#renewDeadlineMs - this.#options.clock.now();
    const late = this.#pause(Math.max(0, leftMs), AbortSignal.any([signal, answered.signal]));
    const held = await Promise.race([trying, late.then(() => false)]);
    answered.abort();
    return held;
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    // Rejects only because of the signal, which every loop here looks at.
    return this.#options.clock.sleep(delayMs, signal).catch(() => undefined);
  }

  /** Whether the lease is ours now: renews, takes or makes it; false when another holds it or on any error. */
  async #tryToHold(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, clock, log } = this.#options;
    const leases = client.resource<coordinationv1.Lease>(LEASES);
    const time = microTime(clock.now());
    const mine = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      renewTime: time,
    };
    try {
      const lease = await leases.get(name, namespace).catch((error: unknown) => {
        if (error instanceof NotFound) return undefined;
        throw error;
      });
      if (lease === undefined) {
        const spec = { ...mine, acquireTime: time, leaseTransitions: 0 };
        this.#observe(await leases.create({ metadata: { name, namespace }, spec }));
        return true;
      }
      if (this.#observed?.resourceVersion !== lease.metadata.resourceVersion) this.#observe(lease);
      const heldByMe = lease.spec?.holderIdentity === identity;
      if (!heldByMe && lease.spec?.holderIdentity && !this.#expired(lease)) return false;
      const taken = { acquireTime: time, leaseTransitions: (lease.spec?.leaseTransitions ?? 0) + 1 };
      const spec = { ...lease.spec, ...mine, ...(!heldByMe && taken) };
      this.#observe(await leases.update({ ...lease, spec }));
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const raced = error instanceof Conflict || error instanceof AlreadyExists;
      if (!raced) log.warn('cannot renew or take the lease', { lease: name, why: messageOf(error) });
      return false;
    }
  }

  #observe(lease: coordinationv1.Lease): void {
    this.#observed = { resourceVersion: lease.metadata.resourceVersion, atMs: this.#options.clock.now() };
  }

  #expired(lease: coordinationv1.Lease): boolean {
    if (this.#options.isSole === true) return true;
    const durationMs = (lease.spec.leaseDurationSeconds ?? 0) * 1000 || this.#leaseDurationMs;
    return this.#options.clock.now() - this.#observed!.atMs >= durationMs;
  }

  /** Lets the next candidate take over at once. */
  async #release(): Promise<void> {
    const { client, namespace, name, identity, clock, log } = this.#options;
    const leases = client.resource<coordinationv1.Lease>(LEASES);
    try {
      const lease = await leases.get(name, namespace);
      if (lease.spec.holderIdentity !== identity) return;
      const spec = { ...lease.spec, leaseDurationSeconds: 1, renewTime: microTime(clock.now()) };
      delete spec.holderIdentity;
      await leases.update({ ...lease, spec });
    } catch (error) {
      log.info('could not give the lease up; it will expire', { lease: name, why: messageOf(error) });
    }
  }
}

/** metav1.MicroTime's form. */
export function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}
