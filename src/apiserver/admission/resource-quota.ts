import { messageOf } from '../../base/index.ts';
import {
  type corev1,
  type KubeObject,
  parseQuantity,
  quotaConstraint,
  quotaMatches,
  quotaUsage,
  type ResourceAmounts,
} from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation } from './admission.ts';
import { type LimitedResource, limitedUse } from './limited-resources.ts';
import {
  isOfWorkspace,
  QUOTA_NAMESPACE,
  type QuotaAddress,
  QuotaLedger,
  type QuotaLedgerParts,
} from './quota-ledger.ts';

type Quota = corev1.ResourceQuota;

const QUOTAS = { group: '', resource: 'resourcequotas' };
/** Upstream's controller counts everything anew every five minutes. */
const RESYNC_MS = 5 * 60_000;

/**
 * Nothing is created, or grows, past a ResourceQuota of its namespace, or one of its whole workspace: in the namespace
 * `admin`, with the annotation `experimental.quota.kcp.io/cluster-scoped: "true"` (kcp pkg/reconciler/kubequota).
 * Source: k8s.io/apiserver/pkg/admission/plugin/resourcequota.
 */
export class ResourceQuotaAdmission implements AdmissionPlugin {
  readonly name = 'ResourceQuota';
  readonly #parts: QuotaLedgerParts;
  readonly #ledger: QuotaLedger;
  readonly #limited: readonly LimitedResource[];

  constructor(parts: QuotaLedgerParts, limited: readonly LimitedResource[] = []) {
    this.#parts = parts;
    this.#limited = limited;
    this.#ledger = new QuotaLedger(parts);
  }

  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { resource, namespace, workspace } = request;
    if (resource.group.startsWith('events')) return undefined;
    const quotas = await this.#quotasFor(request);
    this.#checkLimited(request, quotas);
    const addresses = quotas.map(({ metadata }) => ({
      workspace,
      namespace: metadata.namespace!,
      name: metadata.name,
    }));
    if (isQuotaStatus(request))
      return this.#recountLater({ workspace, namespace: namespace!, name: request.name });
    const own = this.#ownQuota(request);
    if (own !== undefined && !addresses.some(({ name }) => name === own.name)) addresses.push(own);
    if (addresses.length === 0 && !isNewQuota(request)) return undefined;
    if (releases(request, new Date(this.#parts.clock.now())) || own !== undefined)
      return { commit: () => this.#recount(addresses), rollback: () => undefined };
    const moved = addresses.filter((_, index) => quotas[index] && moves(request, quotas[index]));
    const commit = () => this.#recount(moved);
    const rollback = () => undefined;
    const { operation, subresource } = request;
    if (operation === 'UPDATE' && subresource !== undefined && subresource !== 'resize')
      return moved.length === 0 ? undefined : { commit, rollback };
    const charged = await this.#chargeAll(request, quotas, addresses);
    if (moved.length === 0) return charged;
    return {
      commit: async () => {
        await charged?.commit();
        commit();
      },
      rollback: charged?.rollback ?? rollback,
    };
  }

  /** Those of the namespace, and of the workspace. */
  async #quotasFor({ resource, namespace, workspace }: AdmissionRequest): Promise<Readonly<Quota>[]> {
    const namespaces = new Set([QUOTA_NAMESPACE]);
    if (resource.namespaced && namespace !== undefined) namespaces.add(namespace);
    const found: Readonly<Quota>[] = [];
    for (const one of namespaces)
      for (const { object } of await this.#parts.objects.list<Quota>(QUOTAS, { workspace, namespace: one }))
        if (isOfWorkspace(object) || (resource.namespaced && one === namespace)) found.push(object);
    return found;
  }

  /** @throws OrreryError Forbidden when something is used that no quota speaks of though one must. */
  #checkLimited(request: AdmissionRequest, quotas: readonly Readonly<Quota>[]): void {
    const { resource, operation, subresource, object, name } = request;
    if (this.#limited.length === 0 || operation !== 'CREATE' || subresource !== undefined) return;
    const now = new Date(this.#parts.clock.now());
    const why = limitedUse(this.#limited, { resource, object: object!, now }, quotas);
    if (why !== undefined) throw forbidden(resource, name || object!.metadata.name, why);
  }

  /** The quota that is written itself: its status follows at once. */
  #ownQuota({ resource, operation, subresource, workspace, namespace, name, object }: AdmissionRequest) {
    if (resource.group !== '' || resource.name !== 'resourcequotas' || operation !== 'UPDATE')
      return undefined;
    if (subresource !== undefined) return undefined;
    return { workspace, namespace: namespace!, name: name || object!.metadata.name };
  }

  /** What others write into the status of a quota stands until it is counted again. */
  #recountLater(address: QuotaAddress): Reservation {
    const commit = () => {
      setTimeout(() => this.#recount([address]), RESYNC_MS).unref();
    };
    return { commit, rollback: () => undefined };
  }

  async #chargeAll(
    request: AdmissionRequest,
    quotas: readonly Readonly<Quota>[],
    addresses: readonly QuotaAddress[],
  ): Promise<Reservation | undefined> {
    const releases: (() => Promise<void>)[] = [];
    const charged: QuotaAddress[] = [];
    const isQuota = isNewQuota(request);
    const giveBack = async () => {
      await this.#end(releases);
      this.#recount(charged);
    };
    try {
      for (const [index, quota] of quotas.entries()) {
        if (this.#delta(request, quota) === undefined) continue;
        if (request.dryRun) {
          this.#check(request, quota);
          continue;
        }
        const release = await this.#ledger.charge(addresses[index]!, (current) =>
          this.#check(request, current),
        );
        if (release === undefined) continue;
        releases.push(release);
        charged.push(addresses[index]!);
      }
    } catch (error) {
      await giveBack();
      throw error;
    }
    const commit = async () => {
      await this.#end(releases);
      // A new quota counts what is there.
      if (isQuota)
        this.#recount([
          {
            workspace: request.workspace,
            namespace: request.namespace!,
            name: request.object!.metadata.name,
          },
        ]);
    };
    return releases.length === 0 && !isQuota ? undefined : { commit, rollback: giveBack };
  }

  /** What cannot be ended now is forgotten by itself after a while. */
  async #end(releases: readonly (() => Promise<void>)[]): Promise<void> {
    for (const release of releases)
      await release().catch((error: unknown) =>
        this.#parts.log.warn('a charge of a quota could not be ended', { why: messageOf(error) }),
      );
  }

  #recount(addresses: readonly QuotaAddress[]): void {
    for (const address of addresses) this.#ledger.recount(address);
  }

  /** What the write adds to what `quota` limits; undefined for nothing. */
  #delta(request: AdmissionRequest, quota: Readonly<Quota>): ResourceAmounts | undefined {
    const now = new Date(this.#parts.clock.now());
    const { resource, object, oldObject } = request;
    const usageOf = (one: Readonly<KubeObject> | undefined): ResourceAmounts =>
      one !== undefined && quotaMatches(quota.spec, resource, one) ? quotaUsage(resource, one, now) : {};
    const [before, after] = [usageOf(oldObject), usageOf(object)];
    const delta: ResourceAmounts = {};
    for (const name of Object.keys(quota.spec?.hard ?? {})) {
      const more = after[name] && before[name] ? after[name].sub(before[name]) : after[name];
      if (more !== undefined && more.compare(parseQuantity(0)) > 0) delta[name] = more;
    }
    return Object.keys(delta).length > 0 || this.#mustSpecify(request, quota) !== undefined
      ? delta
      : undefined;
  }

  #mustSpecify(request: AdmissionRequest, quota: Readonly<Quota>): string | undefined {
    const { resource, operation, object } = request;
    if (resource.group !== '' || resource.name !== 'pods' || operation !== 'CREATE') return undefined;
    if (!quotaMatches(quota.spec, resource, object!)) return undefined;
    return quotaConstraint(Object.keys(quota.spec?.hard ?? {}), object as corev1.Pod);
  }

  /** @throws OrreryError Forbidden when the quota does not allow it. */
  #check(request: AdmissionRequest, quota: Readonly<Quota>): ResourceAmounts | undefined {
    const name = request.name || request.object!.metadata.name;
    const refuse = (why: string) => forbidden(request.resource, name, why);
    const missing = this.#mustSpecify(request, quota);
    if (missing !== undefined) throw refuse(`failed quota: ${quota.metadata.name}: ${missing}`);
    const delta = this.#delta(request, quota);
    if (delta === undefined) return undefined;
    const hard = quota.spec?.hard ?? {};
    const used = (one: string) => parseQuantity(quota.status?.used?.[one] ?? 0);
    const exceeded = Object.keys(delta)
      .filter((one) => used(one).add(delta[one]!).compare(parseQuantity(hard[one]!)) > 0)
      .sort();
    if (exceeded.length === 0) return delta;
    const text = (value: (one: string) => unknown) => exceeded.map((one) => `${one}=${value(one)}`).join(',');
    throw refuse(
      `exceeded quota: ${quota.metadata.name}, requested: ${text((one) => delta[one])}, used: ${text(used)}, limited: ${text((one) => parseQuantity(hard[one]!))}`,
    );
  }
}

function isQuotaStatus({ resource, operation, subresource }: AdmissionRequest): boolean {
  const isQuota = resource.group === '' && resource.name === 'resourcequotas';
  return isQuota && operation === 'UPDATE' && subresource === 'status';
}

function isNewQuota({ resource, operation }: AdmissionRequest): boolean {
  return resource.group === '' && resource.name === 'resourcequotas' && operation === 'CREATE';
}

/** The object was among those the quota counts and is no more, or the other way round. */
function moves({ operation, oldObject, object, resource }: AdmissionRequest, { spec }: Readonly<Quota>) {
  if (operation !== 'UPDATE' || oldObject === undefined || object === undefined) return false;
  return quotaMatches(spec, resource, oldObject) !== quotaMatches(spec, resource, object);
}

/** The write may give something back: a deletion, the end of a pod, the last finalizer. */
function releases({ operation, oldObject, object, resource }: AdmissionRequest, now: Date): boolean {
  if (operation === 'DELETE') return true;
  if (operation !== 'UPDATE' || oldObject === undefined || object === undefined) return false;
  if (object.metadata.deletionTimestamp !== undefined) return true;
  const [before, after] = [quotaUsage(resource, oldObject, now), quotaUsage(resource, object, now)];
  return Object.entries(before).some(([name, amount]) => (after[name]?.compare(amount) ?? -1) < 0);
}
