import { type FieldError, type Log, messageOf } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { internalError, objectInvalid } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation } from './admission.ts';
import {
  type ClaimOwner,
  type Holdings,
  holdingsOf,
  ServiceClaims,
  type ServiceClaimsParts,
} from './service-claims.ts';
import {
  addressNumber,
  addressRange,
  addressRangeIn,
  addressText,
  candidates,
  type NumberRange,
  portRange,
  someCandidate,
} from './service-range.ts';

const SERVICE_KIND = { group: '', kind: 'Service' };
/** Random tries before all that are taken are looked at. */
const TRIES = 8;

export interface ServiceAllocatorOptions {
  /** IPv4, `10.43.0.0/16`. */
  serviceCidr: string;
  nodePortRange: { first: number; last: number };
}

/** One write of a Service on its way. */
interface Allocation {
  service: corev1.Service;
  before: Holdings;
  owner: ClaimOwner;
  /** What this write has taken, and gives back when it fails. */
  taken: Holdings;
  dryRun: boolean;
}

/**
 * Gives Services their cluster address and node ports: claimed in the store before the write they belong to, given
 * back when that fails and after the Service is gone, so that several servers never give one twice. What a server
 * that died leaves claimed, `repairServiceClaims` finds. All workspaces share the ranges, because they share the
 * machines. Source: k8s.io/kubernetes/pkg/registry/core/service/{storage,ipallocator,portallocator}.
 */
export class ServiceAllocator implements AdmissionPlugin {
  readonly name = 'ServiceAllocator';
  readonly #claims: ServiceClaims;
  readonly #network: NumberRange & { cidr: string };
  readonly #ports: NumberRange;
  readonly #log: Log;

  constructor(parts: ServiceAllocatorOptions & ServiceClaimsParts & { log: Log }) {
    this.#claims = new ServiceClaims(parts);
    this.#network = addressRange(parts.serviceCidr);
    this.#ports = portRange(parts.nodePortRange);
    this.#log = parts.log;
  }

  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { resource, subresource, dryRun } = request;
    if (resource.group !== '' || resource.name !== 'services' || subresource !== undefined) return undefined;
    const old = request.oldObject as Readonly<corev1.Service> | undefined;
    const service = isRemoval(request) ? undefined : (request.object as corev1.Service);
    const name = request.name || (service?.metadata.name ?? '');
    const owner = { namespace: request.namespace ?? '', name };
    const taken = holdingsOf(undefined);
    const before = holdingsOf(old);
    if (service !== undefined)
      try {
        const allocation = { service, before, owner, taken, dryRun };
        if (needsAddress(service)) await this.#allocateAddress(allocation);
        await this.#allocatePorts(allocation);
      } catch (error) {
        await this.#release(taken, owner);
        throw error;
      }
    const released = subtract(before, holdingsOf(service));
    return {
      commit: () => this.#release(released, owner),
      rollback: () => this.#release(taken, owner),
    };
  }

  /** What cannot be given back now is found later; the write it belonged to is over. */
  async #release({ addresses, ports }: Holdings, owner: ClaimOwner): Promise<void> {
    try {
      for (const address of addresses) await this.#claims.releaseAddress(address, owner);
      for (const port of ports) await this.#claims.releasePort(port, owner);
    } catch (error) {
      this.#log.warn('what a Service held could not be given back', { ...owner, why: messageOf(error) });
    }
  }

  async #allocateAddress(allocation: Allocation): Promise<void> {
    const { service, before } = allocation;
    const spec = service.spec!;
    let address = spec.clusterIP || spec.clusterIPs?.[0] || '';
    if (before.addresses.has(address)) return;
    if (address === '') address = await this.#someAddress(allocation);
    else {
      const why = await this.#refusal(address, allocation);
      if (why !== undefined) {
        const value = JSON.stringify(spec.clusterIPs ?? [address]);
        throw objectInvalid(SERVICE_KIND, service.metadata.name, [
          invalid('spec.clusterIPs', value, `failed to allocate IP ${address}: ${why}`),
        ]);
      }
    }
    spec.clusterIP = address;
    spec.clusterIPs = [address];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
  }

  async #refusal(address: string, allocation: Allocation): Promise<string | undefined> {
    const number = addressNumber(address) ?? Number.NaN;
    const isIn = ({ first, last }: NumberRange) => number >= first && number <= last;
    if (!isIn(this.#network) && !(await this.#moreNetworks()).some(isIn))
      return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.#network.cidr}`;
    return (await this.#takeAddress(address, allocation)) ? undefined : 'provided IP is already allocated';
  }

  async #someAddress(allocation: Allocation): Promise<string> {
    const use = {
      take: (candidate: number) => this.#takeAddress(addressText(candidate), allocation),
      taken: async () => new Set((await this.#claims.addresses()).map(({ what }) => addressNumber(what))),
    };
    let number = await someFree(this.#network, use);
    if (number === undefined)
      for (const network of await this.#moreNetworks()) number ??= await someFree(network, use);
    if (number === undefined) throw internalError('failed to allocate a serviceIP: range is full');
    return addressText(number);
  }

  /** Those of ServiceCIDRs that people made beside the configured one. */
  async #moreNetworks(): Promise<NumberRange[]> {
    const networks = await this.#claims.networks();
    return networks.flatMap((cidr) => (cidr === this.#network.cidr ? [] : (addressRangeIn(cidr) ?? [])));
  }

  async #takeAddress(address: string, { owner, taken, dryRun }: Allocation): Promise<boolean> {
    if (dryRun) return !(await this.#claims.hasAddress(address));
    if (!(await this.#claims.takeAddress(address, owner))) return false;
    taken.addresses.add(address);
    return true;
  }

  async #allocatePorts(allocation: Allocation): Promise<void> {
    const { service, before, taken } = allocation;
    const wanted = needsNodePorts(service);
    for (const [index, port] of (service.spec?.ports ?? []).entries()) {
      if (!port.nodePort) {
        if (wanted) port.nodePort = await this.#somePort(allocation);
        continue;
      }
      if (before.ports.has(port.nodePort) || taken.ports.has(port.nodePort)) continue;
      const why = await this.#portRefusal(port.nodePort, allocation);
      if (why === undefined) continue;
      throw objectInvalid(SERVICE_KIND, service.metadata.name, [
        invalid(`spec.ports[${index}].nodePort`, String(port.nodePort), why),
      ]);
    }
  }

  async #portRefusal(port: number, allocation: Allocation): Promise<string | undefined> {
    const { first, last } = this.#ports;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return (await this.#takePort(port, allocation)) ? undefined : 'provided port is already allocated';
  }

  async #somePort(allocation: Allocation): Promise<number> {
    const port = await someFree(this.#ports, {
      take: (candidate) => this.#takePort(candidate, allocation),
      taken: async () => new Set((await this.#claims.ports()).map(({ what }) => Number(what))),
    });
    if (port === undefined) throw internalError('failed to allocate a nodePort: range is full');
    return port;
  }

  async #takePort(port: number, { owner, taken, dryRun }: Allocation): Promise<boolean> {
    if (taken.ports.has(port)) return false;
    if (dryRun ? await this.#claims.hasPort(port) : !(await this.#claims.takePort(port, owner))) return false;
    taken.ports.add(port);
    return true;
  }
}

/** A few at random; when all those are taken, every one that is not. */
async function someFree(
  range: NumberRange,
  { take, taken }: { take(candidate: number): Promise<boolean>; taken(): Promise<ReadonlySet<unknown>> },
): Promise<number | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const candidate = someCandidate(range);
    if (await take(candidate)) return candidate;
  }
  const known = await taken();
  for (const candidate of candidates(range))
    if (!known.has(candidate) && (await take(candidate))) return candidate;
  return undefined;
}

/** A deletion, or the update that takes the last finalizer of what is being deleted. */
function isRemoval({ operation, object }: AdmissionRequest): boolean {
  if (operation === 'DELETE' || object === undefined) return true;
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return operation === 'UPDATE' && deletionTimestamp !== undefined && finalizers.length === 0;
}

function subtract(holdings: Holdings, held: Holdings): Holdings {
  return {
    addresses: new Set([...holdings.addresses].filter((address) => !held.addresses.has(address))),
    ports: new Set([...holdings.ports].filter((port) => !held.ports.has(port))),
  };
}

function needsAddress(service: corev1.Service): boolean {
  return (
    service.spec !== undefined && service.spec.type !== 'ExternalName' && service.spec.clusterIP !== 'None'
  );
}

function needsNodePorts(service: corev1.Service): boolean {
  const spec = service.spec;
  if (spec?.type === 'NodePort') return true;
  return spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false;
}

function invalid(field: string, value: string, why: string): FieldError {
  return { type: 'FieldValueInvalid', field, message: `Invalid value: ${value}: ${why}` };
}
