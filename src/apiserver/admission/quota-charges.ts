import { randomUUID } from 'node:crypto';
import { type Clock, Conflict, NotFound } from '../../base/index.ts';
import { parseQuantity, type ResourceAmounts } from '../../kube/index.ts';
import type { Store } from '../../store/index.ts';

const PREFIX = '/orrery.internal/quota-charges';
/** No write takes longer; a note that is older is of a server that died. */
const LIFE_MS = 5 * 60 * 1000;

interface QuotaAddress {
  workspace: string;
  namespace: string;
  name: string;
}

interface Note {
  amounts: Record<string, string>;
  createdMs: number;
}

/** Charges of quotas whose writes are on their way, noted in the store for the other servers that count. */
export class QuotaCharges {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #own = new Set<string>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** `write` as often as the charge is tried, before it is made; `end` when its object is stored, or will not be. */
  note(address: QuotaAddress): { write(amounts: ResourceAmounts): Promise<void>; end(): Promise<void> } {
    const key = `${prefixOf(address)}${randomUUID()}`;
    return {
      write: async (amounts) => {
        this.#own.add(key);
        const texts = Object.entries(amounts).flatMap(([name, amount]) =>
          amount === undefined ? [] : [[name, amount.toString()]],
        );
        const note: Note = { amounts: Object.fromEntries(texts), createdMs: this.#clock.now() };
        await this.#store.write({ type: 'put', key, value: { bytes: Buffer.from(JSON.stringify(note)) } });
      },
      end: async () => {
        if (!this.#own.delete(key)) return;
        await this.#remove(key);
      },
    };
  }

  /** What other servers have on its way. */
  async ofOthers(address: QuotaAddress): Promise<ResourceAmounts[]> {
    const { items } = await this.#store.list({ prefix: prefixOf(address) });
    const found: ResourceAmounts[] = [];
    for (const { key, value } of items) {
      if (this.#own.has(key)) continue;
      const { amounts, createdMs } = JSON.parse(Buffer.from(value).toString()) as Note;
      if (this.#clock.now() - createdMs > LIFE_MS) await this.#remove(key);
      else
        found.push(
          Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, parseQuantity(amount)])),
        );
    }
    return found;
  }

  async #remove(key: string): Promise<void> {
    try {
      await this.#store.write({ type: 'delete', key });
    } catch (error) {
      // Another server was faster.
      if (!(error instanceof NotFound || error instanceof Conflict)) throw error;
    }
  }
}

function prefixOf({ workspace, namespace, name }: QuotaAddress): string {
  return `${PREFIX}/${workspace}/${namespace}/${name}/`;
}
