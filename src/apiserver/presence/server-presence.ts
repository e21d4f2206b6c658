import { type Clock, type Log, messageOf } from '../../base/index.ts';
import type { ObjectClient } from '../object-client.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import { publishEndpoints } from './kubernetes-endpoints.ts';
import { removeSilentServers, ServerIdentity } from './server-identity.ts';
import { type ServerAddress, ServerRecords } from './server-records.ts';

/** Upstream's --identity-lease-renew-interval-seconds, and that of the endpoints. */
const INTERVAL_MS = 10_000;
const CLEANING_MS = 3600 * 1000;

export interface ServerPresenceParts {
  storage: ObjectStorage;
  client: ObjectClient;
  own: ServerAddress;
  hostname: string;
  /** Several servers may share the store; a sole one is its only endpoint, and says so once. */
  isShared: boolean;
  clock: Clock;
  log: Log;
}

/** Tells others that this server is there, and takes part in telling which ones are. */
export class ServerPresence {
  readonly #parts: ServerPresenceParts;
  readonly #records: ServerRecords;
  readonly #identity: ServerIdentity;

  constructor(parts: ServerPresenceParts) {
    this.#parts = parts;
    this.#records = new ServerRecords(parts.storage.store, parts.own, parts.clock);
    this.#identity = new ServerIdentity(parts.hostname, parts.own);
  }

  /** From now on this server is an endpoint of the `kubernetes` Service. */
  async begin(): Promise<void> {
    if (!this.#parts.isShared) await publishEndpoints(this.#parts.client, [this.#parts.own]);
    await this.#renew();
  }

  /** Renews until `signal` aborts; then the server is an endpoint no more. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    let cleanedAtMs = clock.now();
    while (!signal.aborted) {
      // Rejects only because of the signal, which ends the loop.
      await clock.sleep(INTERVAL_MS, signal).catch(() => undefined);
      if (signal.aborted) break;
      await this.#trying('this server cannot say that it is there', () => this.#renew());
      if (clock.now() - cleanedAtMs < CLEANING_MS) continue;
      cleanedAtMs = clock.now();
      await this.#trying('leases of servers that are gone cannot be cleared away', () =>
        removeSilentServers(this.#parts.client, new Date(cleanedAtMs)),
      );
    }
    if (this.#parts.isShared) await this.#trying('this server cannot say that it goes', () => this.#leave());
  }

  async #renew(): Promise<void> {
    const { client, clock, isShared } = this.#parts;
    if (isShared) {
      await this.#records.renew();
      await publishEndpoints(client, await this.#records.live());
    }
    await this.#identity.renew(client, new Date(clock.now()));
  }

  async #leave(): Promise<void> {
    await this.#records.leave();
    const left = await this.#records.live();
    // The last one leaves things as they are: the next start finds them.
    if (left.length > 0) await publishEndpoints(this.#parts.client, left);
  }

  async #trying(failure: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.warn(failure, { why: messageOf(error) });
    }
  }
}
