import { randomBytes } from 'node:crypto';
import { Conflict, NotFound, type OrreryError } from '../../base/index.ts';
import { fillDraft } from '../draft.ts';
import type { Write, WriteResult } from '../store.ts';
import { checkKey } from '../write-batch.ts';
import { type EtcdConnection, LostRequest } from './connection.ts';
import { explain, writeUnknown } from './etcd-errors.ts';
import type { EtcdFeed } from './feed.ts';
import { encodeEnvelope, type Layout } from './layout.ts';
import { type KeyValue, type Operation, TXN, type TxnRequest } from './messages.ts';

export interface WriterOptions {
  connection: EtcdConnection;
  layout: Layout;
  feed: EtcdFeed;
}

const RETRY_FIRST_MS = 20;
const RETRY_LIMIT_MS = 500;
/** etcd refuses more when it is 5,000 behind; beyond this many at once nothing is gained. */
const IN_FLIGHT_LIMIT = 1024;

/**
 * Writes, each a transaction of its own; etcd puts many that come at once into one fsync.
 *
 * Every write bears an id. When its answer is lost, the id tells in the feed of all changes whether it happened.
 */
export class EtcdWriter {
  /** The newest revision acknowledged to a caller. */
  acknowledged = 0;
  failure: OrreryError | undefined;
  readonly #options: WriterOptions;
  readonly #session = randomBytes(6).toString('latin1');
  #count = 0;
  #inFlight = 0;
  readonly #turns: (() => void)[] = [];

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** See `Store.write`. */
  async write(write: Write): Promise<WriteResult> {
    checkKey(write.key);
    const draft = write.type === 'put' ? write.value : write.tombstone;
    const id = this.#nextId();
    if (this.#inFlight >= IN_FLIGHT_LIMIT) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#inFlight++;
    try {
      const revision = await this.#commitWithin(write, id);
      this.acknowledged = Math.max(this.acknowledged, revision);
      this.failure = undefined;
      return { revision, value: draft === undefined ? new Uint8Array(0) : fillDraft(draft, revision) };
    } catch (error) {
      const { code } = error as OrreryError;
      if (code === 'StoreFull' || code === 'StoreUnavailable') this.failure = error as OrreryError;
      throw error;
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#inFlight--;
      else next();
    }
  }

  /** A deletion whose tombstone etcd has no room for, or does not take so large, may go alone. */
  async #commitWithin(write: Write, id: string): Promise<number> {
    const request = this.#requestOf(write, id);
    try {
      return await this.#commit(write, id, request);
    } catch (error) {
      const { code } = error as OrreryError;
      if (write.type !== 'delete' || (code !== 'StoreFull' && code !== 'StoreValueTooLarge')) throw error;
      return this.#commit(write, undefined, { ...request, success: request.success.slice(0, 1) });
    }
  }

  /** Waits until the feed has seen everything written before now. */
  async barrier(): Promise<void> {
    const { connection, layout, feed } = this.#options;
    const put = { key: layout.barrierKey, value: Buffer.from(String(connection.revision)) };
    const { header } = await connection.call(TXN, { compare: [], success: [{ put }], failure: [] });
    await feed.reached(header.revision);
  }

  #requestOf(write: Write, id: string): TxnRequest {
    const { layout } = this.#options;
    const key = layout.keyOf(write.key);
    const success: Operation[] =
      write.type === 'put'
        ? [{ put: { key, value: encodeEnvelope({ id, draft: write.value }) } }]
        : [
            { delete: { key } },
            { put: { key: layout.deletedKey, value: encodeEnvelope({ id, draft: write.tombstone }) } },
          ];
    // A deletion finds something: what does not exist is not to be deleted.
    const exists = write.type === 'delete' && !(write.expect !== undefined && write.expect > 0);
    return {
      compare: [
        ...(exists ? [{ key, modRevisionAbove: 0 }] : []),
        ...(write.expect !== undefined ? [{ key, modRevision: write.expect }] : []),
      ],
      success,
      failure: [{ range: { key, keysOnly: true } }],
    };
  }

  /** Tries until an answer comes. A condition makes another try harmless: of all tries at most one can succeed. */
  async #commit(write: Write, id: string | undefined, request: TxnRequest): Promise<number> {
    const { connection } = this.#options;
    const since = connection.revision;
    const deadline = Date.now() + connection.patienceMs;
    let sent = false;
    for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(delayMs * 2, RETRY_LIMIT_MS)) {
      try {
        const { succeeded, header, ranges } = await connection.attempt(TXN, request);
        if (succeeded) return header.revision;
        const mine = sent ? await this.#find(write.key, id, since) : undefined;
        if (mine !== undefined) return mine;
        throw refusal(write, ranges[0]?.items[0]);
      } catch (error) {
        if (!(error instanceof LostRequest)) throw error;
        sent ||= error.sent;
        if (sent && write.expect === undefined) {
          const mine = await this.#find(write.key, id, since);
          if (mine !== undefined) return mine;
          // It may still come.
          throw writeUnknown(write.key, error.cause);
        }
        if (Date.now() + delayMs > deadline)
          throw sent ? writeUnknown(write.key, error.cause) : explain(error.cause, connection.endpoint);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }

  /** @throws StoreWriteUnknown */
  async #find(key: string, id: string | undefined, since: number): Promise<number | undefined> {
    if (id === undefined) throw writeUnknown(key, undefined);
    try {
      await this.barrier();
    } catch (error) {
      throw writeUnknown(key, error);
    }
    const found = this.#options.feed.ring.find(id, since);
    if (found === 'unknown') throw writeUnknown(key, undefined);
    return found;
  }

  #nextId(): string {
    const number = Buffer.alloc(6);
    number.writeUIntBE(this.#count++, 0, 6);
    return this.#session + number.toString('latin1');
  }
}

function refusal({ type, key, expect }: Write, found: KeyValue | undefined): OrreryError {
  const current = found?.modRevision ?? 0;
  if (type === 'delete' && (expect === undefined || expect === current) && current === 0)
    return new NotFound(`"${key}" does not exist`, { details: { key } });
  return new Conflict(`"${key}" is at revision ${current}, not ${expect}`, {
    details: { key, current, expected: expect },
  });
}
