import { type Clock, type Log, messageOf } from '../../base/index.ts';
import {
  type corev1,
  equalJson,
  parseQuantity,
  quotaMatches,
  quotaSubject,
  quotaUsage,
  type ResourceAmounts,
} from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { type ObjectStorage, WriteRace } from '../storage/object-storage.ts';
import type { StoredObjects } from './admission.ts';
import { QuotaCharges } from './quota-charges.ts';

type Quota = corev1.ResourceQuota;

const RECOUNT_MS = 1_000;

/** Where quotas of a whole workspace are; kcp pkg/reconciler/kubequota. */
export const QUOTA_NAMESPACE = 'admin';
const OF_WORKSPACE = 'experimental.quota.kcp.io/cluster-scoped';

/** Whether a quota is for all namespaces, and for what has none. */
export function isOfWorkspace({ metadata }: Readonly<Quota>): boolean {
  return metadata.namespace === QUOTA_NAMESPACE && metadata.annotations?.[OF_WORKSPACE] === 'true';
}

export interface QuotaLedgerParts {
  objects: StoredObjects;
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  clock: Clock;
  log: Log;
  /** Several servers charge the same quotas. Default false. */
  isShared?: boolean;
}

export interface QuotaAddress {
  workspace: string;
  namespace: string;
  name: string;
}

/** One quota in this process: its writers stand in line, so that they do not race each other for its status. */
interface Account {
  line: Promise<unknown>;
  /** Charged, and perhaps not written yet: a count of what is stored does not see them. */
  inFlight: Set<ResourceAmounts>;
  /** A count stands in line. */
  isCountQueued: boolean;
  /** The last count saw charges whose writes were not over. */
  isCountStale: boolean;
}

/**
 * Keeps `status.used` of quotas by compare-and-set, so that writers, also those of other servers, cannot overrun one
 * together. What is given back is counted anew from what is stored: nothing is ever given back twice. On a shared store
 * a charge is noted there before it is made, so that another server's count does not lose a write that is on its way.
 */
export class QuotaLedger {
  readonly #parts: QuotaLedgerParts;
  readonly #accounts = new Map<string, Account>();
  readonly #charges: QuotaCharges | undefined;

  constructor(parts: QuotaLedgerParts) {
    this.#parts = parts;
    this.#charges = parts.isShared === true ? new QuotaCharges(parts.storage.store, parts.clock) : undefined;
  }

  /** Adds `charge(quota)` to what is used, while `charge` does not throw; undefined when nothing is to be charged. */
  async charge(
    address: QuotaAddress,
    charge: (quota: Readonly<Quota>) => ResourceAmounts | undefined,
  ): Promise<(() => Promise<void>) | undefined> {
    const account = this.#account(address);
    return this.#inLine(account, async () => {
      let charged: ResourceAmounts | undefined;
      const note = this.#charges?.note(address);
      try {
        await this.#change(address, async (quota) => {
          charged = undefined;
          const current = isCurrent(quota) ? quota : await this.#counted(address, quota, account);
          charged = charge(current);
          if (charged === undefined) return undefined;
          await note?.write(charged);
          return withCharge(current, charged);
        });
      } finally {
        // Refused after all, when another server was faster.
        if (charged === undefined) await note?.end();
      }
      if (charged === undefined) return undefined;
      const delta = charged;
      account.inFlight.add(delta);
      return async () => {
        account.inFlight.delete(delta);
        await note?.end();
        if (account.isCountStale && account.inFlight.size === 0) this.recount(address);
      };
    });
  }

  /** Counts a quota anew, soon; its failure is logged, and the next change counts again. */
  recount(address: QuotaAddress): void {
    const account = this.#account(address);
    if (account.isCountQueued) return;
    account.isCountQueued = true;
    this.#inLine(account, async () => {
      account.isCountQueued = false;
      account.isCountStale = account.inFlight.size > 0;
      await this.#change(address, async (quota) => {
        const counted = await this.#counted(address, quota, account);
        return equalJson(counted.status, quota.status) ? undefined : counted;
      });
    }).catch((error: unknown) => {
      this.#parts.log.warn('a quota could not be counted', { ...address, error: messageOf(error) });
    });
  }

  /** What others had on its way may be counted twice now. */
  #recountLater(address: QuotaAddress): void {
    const account = this.#account(address);
    if (account.isCountStale) return;
    account.isCountStale = true;
    void this.#parts.clock.sleep(RECOUNT_MS).then(() => this.recount(address));
  }

  #account({ workspace, namespace, name }: QuotaAddress): Account {
    const key = `${workspace}/${namespace}/${name}`;
    const account = this.#accounts.get(key) ?? {
      line: Promise.resolve(),
      inFlight: new Set(),
      isCountQueued: false,
      isCountStale: false,
    };
    this.#accounts.set(key, account);
    return account;
  }

  #inLine<T>(account: Account, work: () => Promise<T>): Promise<T> {
    const result = account.line.then(work, work);
    account.line = result.catch(() => undefined);
    return result;
  }

  async #change(address: QuotaAddress, change: (quota: Quota) => Promise<Quota | undefined>): Promise<void> {
    const { storage, catalog } = this.#parts;
    const resource = catalog.findStored('', 'resourcequotas')!;
    const key = storage.keyOf(resource, address);
    for (;;) {
      const stored = await storage.get(key);
      if (stored === undefined) {
        this.#accounts.delete(`${address.workspace}/${address.namespace}/${address.name}`);
        return;
      }
      const next = await change(storage.decode<Quota>(resource, stored.bytes));
      if (next === undefined) return;
      try {
        await storage.update(resource, key, next, stored.revision);
        return;
      } catch (error) {
        if (!(error instanceof WriteRace)) throw error;
      }
    }
  }

  /** The quota with a status counted from what is stored, and what is on its way there. */
  async #counted({ workspace, namespace }: QuotaAddress, quota: Quota, account: Account): Promise<Quota> {
    const hard = quota.spec?.hard ?? {};
    const now = new Date(this.#parts.clock.now());
    const totals: ResourceAmounts = {};
    for (const name of Object.keys(hard)) totals[name] = parseQuantity(0);
    const add = (amounts: ResourceAmounts) => {
      for (const name of Object.keys(totals))
        if (amounts[name] !== undefined) totals[name] = totals[name]!.add(amounts[name]);
    };
    const subjects = new Map(
      Object.keys(hard).flatMap((name) => {
        const subject = quotaSubject(name);
        return subject === undefined ? [] : [[`${subject.group}/${subject.name}`, subject] as const];
      }),
    );
    // Before the objects: a charge that ends meanwhile has its object stored by then.
    const others = (await this.#charges?.ofOthers({ workspace, namespace, name: quota.metadata.name })) ?? [];
    const where = isOfWorkspace(quota) ? { workspace } : { workspace, namespace };
    for (const subject of subjects.values()) {
      const reference = { group: subject.group, resource: subject.name };
      for (const { object } of await this.#parts.objects.list(reference, where))
        if (quotaMatches(quota.spec, subject, object)) add(quotaUsage(subject, object, now));
    }
    for (const amounts of account.inFlight) add(amounts);
    for (const amounts of others) add(amounts);
    if (others.length > 0) this.#recountLater({ workspace, namespace, name: quota.metadata.name });
    const used = Object.fromEntries(
      Object.entries(totals).map(([name, amount]) => [name, amount.toString()]),
    );
    return { ...quota, status: { hard, used } };
  }
}

function withCharge(quota: Quota, charged: ResourceAmounts): Quota {
  const used = { ...quota.status?.used };
  for (const [name, amount] of Object.entries(charged))
    used[name] = parseQuantity(used[name] ?? 0)
      .add(amount)
      .toString();
  return { ...quota, status: { ...quota.status, used } };
}

/** The status says what is used of everything the spec limits. */
function isCurrent({ spec, status }: Readonly<Quota>): boolean {
  const names = Object.keys(spec?.hard ?? {});
  return (
    status?.hard !== undefined &&
    equalJson(status.hard, spec?.hard ?? {}) &&
    names.every((name) => status.used?.[name] !== undefined)
  );
}
