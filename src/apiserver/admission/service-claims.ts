import { randomUUID } from 'node:crypto';
import { type Clock, Conflict, NotFound } from '../../base/index.ts';
import type { corev1, networkingv1, Resource } from '../../kube/index.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import { type ObjectStorage, WriteRace } from '../storage/object-storage.ts';

/** A Service that holds addresses and ports. */
export interface ClaimOwner {
  namespace: string;
  name: string;
}

export interface Claim extends ClaimOwner {
  /** An address, or the number of a node port. */
  what: string;
  createdMs: number;
}

export interface ServiceClaimsParts {
  storage: ObjectStorage;
  catalog: ResourceCatalog;
  clock: Clock;
}

const MANAGED_BY = 'ipaddress.kubernetes.io/managed-by';
const MANAGER = 'ipallocator.k8s.io';
/** Not a resource's: upstream has a bitmap that no request can read either. */
const PORTS = '/orrery.internal/nodeports/-/-/';

/**
 * Who has which address of the service range and which node port, in the store itself: one key each, made only when
 * it is not there, so that of several servers one gets it. Addresses are IPAddress objects, as upstream's.
 * Source: k8s.io/kubernetes/pkg/registry/core/service/ipallocator/ipallocator.go.
 */
export class ServiceClaims {
  readonly #storage: ObjectStorage;
  readonly #addresses: Resource;
  readonly #ranges: Resource;
  readonly #clock: Clock;

  constructor({ storage, catalog, clock }: ServiceClaimsParts) {
    this.#storage = storage;
    this.#clock = clock;
    this.#addresses = catalog.findStored('networking.k8s.io', 'ipaddresses')!;
    this.#ranges = catalog.findStored('networking.k8s.io', 'servicecidrs')!;
  }

  /** The networks of the ServiceCIDRs that give addresses: those that are not going and not said to be unready. */
  async networks(): Promise<string[]> {
    const { items } = await this.#storage.list({ prefix: this.#storage.prefixOf(this.#ranges, '*') });
    return items.flatMap(({ key, modRevision, value }) => {
      const { metadata, spec, status } = this.#storage.shared<networkingv1.ServiceCIDR>(
        this.#ranges,
        key,
        modRevision,
        value,
      );
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      const gives = metadata.deletionTimestamp === undefined && (ready?.status ?? 'True') === 'True';
      return gives ? (spec?.cidrs ?? []) : [];
    });
  }

  /** False when somebody has it. */
  async takeAddress(address: string, { namespace, name }: ClaimOwner): Promise<boolean> {
    const { group, version, kind } = this.#addresses;
    const creationTimestamp = `${new Date(this.#clock.now()).toISOString().slice(0, 19)}Z`;
    const claim = {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: {
        name: address,
        uid: randomUUID(),
        creationTimestamp,
        labels: { [MANAGED_BY]: MANAGER, 'ipaddress.kubernetes.io/ip-family': 'IPv4' },
      },
      spec: { parentRef: { group: '', resource: 'services', namespace, name } },
    };
    try {
      await this.#storage.create(this.#addresses, this.#addressKey(address), claim as never);
      return true;
    } catch (error) {
      if (error instanceof WriteRace) return false;
      throw error;
    }
  }

  async hasAddress(address: string): Promise<boolean> {
    return (await this.#storage.get(this.#addressKey(address))) !== undefined;
  }

  /** Gives an address back; one that another Service has by now stays its own. */
  async releaseAddress(address: string, owner: ClaimOwner): Promise<void> {
    const key = this.#addressKey(address);
    const stored = await this.#storage.get(key);
    if (stored === undefined) return;
    const claim = this.#storage.decode<networkingv1.IPAddress>(this.#addresses, stored.bytes);
    const { namespace, name } = claim.spec?.parentRef ?? {};
    if (namespace !== owner.namespace || name !== owner.name) return;
    await this.#storage.delete(this.#addresses, key, claim, stored.revision).catch(ignoreRace);
  }

  async addresses(): Promise<Claim[]> {
    const { items } = await this.#storage.list({ prefix: this.#storage.prefixOf(this.#addresses, '*') });
    return items.flatMap(({ key, modRevision, value }) => {
      const shared = this.#storage.shared<networkingv1.IPAddress>(this.#addresses, key, modRevision, value);
      const { metadata, spec } = shared;
      if (metadata.labels?.[MANAGED_BY] !== MANAGER) return [];
      const { namespace = '', name = '' } = spec?.parentRef ?? {};
      return [{ what: metadata.name, namespace, name, createdMs: Date.parse(metadata.creationTimestamp) }];
    });
  }

  async takePort(port: number, owner: ClaimOwner): Promise<boolean> {
    const bytes = Buffer.from(JSON.stringify({ ...owner, createdMs: this.#clock.now() }));
    try {
      await this.#storage.store.write({ type: 'put', key: `${PORTS}${port}`, expect: 0, value: { bytes } });
      return true;
    } catch (error) {
      if (error instanceof Conflict) return false;
      throw error;
    }
  }

  async hasPort(port: number): Promise<boolean> {
    return (await this.#storage.store.get(`${PORTS}${port}`)) !== undefined;
  }

  async releasePort(port: number, { namespace, name }: ClaimOwner): Promise<void> {
    const key = `${PORTS}${port}`;
    const stored = await this.#storage.store.get(key);
    if (stored === undefined) return;
    const owner = JSON.parse(Buffer.from(stored.value).toString()) as ClaimOwner;
    if (owner.namespace !== namespace || owner.name !== name) return;
    await this.#storage.store.write({ type: 'delete', key, expect: stored.modRevision }).catch(ignoreRace);
  }

  async ports(): Promise<Claim[]> {
    const { items } = await this.#storage.store.list({ prefix: PORTS });
    return items.map(({ key, value }) => ({
      what: key.slice(PORTS.length),
      ...(JSON.parse(Buffer.from(value).toString()) as ClaimOwner & { createdMs: number }),
    }));
  }

  #addressKey(address: string): string {
    // One range for all workspaces: they share the machines.
    return this.#storage.keyOf(this.#addresses, { workspace: DEFAULT_WORKSPACE, name: address });
  }
}

/** What a Service holds; `ports` by number, since upstream's allocator counts numbers whatever the protocol. */
export interface Holdings {
  addresses: Set<string>;
  ports: Set<number>;
}

export function holdingsOf(service: Readonly<corev1.Service> | undefined): Holdings {
  const holdings: Holdings = { addresses: new Set(), ports: new Set() };
  const spec = service?.spec;
  if (spec === undefined) return holdings;
  if (spec.type !== 'ExternalName')
    for (const address of [spec.clusterIP, ...(spec.clusterIPs ?? [])])
      if (address && address !== 'None') holdings.addresses.add(address);
  for (const { nodePort } of spec.ports ?? []) if (nodePort) holdings.ports.add(nodePort);
  return holdings;
}

/** Another server did the same. */
function ignoreRace(error: unknown): void {
  if (!(error instanceof WriteRace || error instanceof Conflict || error instanceof NotFound)) throw error;
}
