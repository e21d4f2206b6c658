import { randomInt } from 'node:crypto';
import type { FieldError } from '../../base/index.ts';
import { BadRequest } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { internalError, objectInvalid } from '../errors.ts';
import { ALL_WORKSPACES } from '../request-info/request-info.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation, StoredObjects } from './admission.ts';

const SERVICE_KIND = { group: '', kind: 'Service' };

export interface ServiceAllocatorOptions {
  /** IPv4, `10.43.0.0/16`. */
  serviceCidr: string;
  nodePortRange: { first: number; last: number };
}

/**
 * Gives Services their cluster address and node ports. The Services in the store are the only truth: the sets in
 * memory are read from them at first use, and every taking and giving back passes here before the write it belongs
 * to, so two writers never get the same one. (One process owns the store; several servers on etcd will need
 * IPAddress objects as upstream.) All workspaces share the ranges, because they share the machines.
 * Source: k8s.io/kubernetes/pkg/registry/core/service/{storage,ipallocator,portallocator}.
 */
export class ServiceAllocator implements AdmissionPlugin {
  readonly name = 'ServiceAllocator';
  readonly #objects: StoredObjects;
  readonly #network: { first: number; size: number; cidr: string };
  readonly #ports: { first: number; last: number };
  #loading: Promise<void> | undefined;
  readonly #addresses = new Set<string>();
  /** `TCP/30080`: the same number may serve several protocols of one Service. */
  readonly #nodePorts = new Map<string, string>();

  constructor(objects: StoredObjects, options: ServiceAllocatorOptions) {
    this.#objects = objects;
    this.#network = parseCidr(options.serviceCidr);
    this.#ports = options.nodePortRange;
  }

  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { resource, subresource, operation } = request;
    if (resource.group !== '' || resource.name !== 'services' || subresource !== undefined) return undefined;
    this.#loading ??= this.#load();
    await this.#loading;
    const old = request.oldObject as Readonly<corev1.Service> | undefined;
    const next = operation === 'DELETE' ? undefined : (request.object as corev1.Service);
    const owner = `${request.workspace}/${request.namespace}/${request.name || next?.metadata.name}`;
    const taken: Claims = { addresses: new Set(), ports: new Set() };
    try {
      if (next !== undefined) this.#allocate(next, old, owner, taken);
    } catch (error) {
      this.#free(taken);
      throw error;
    }
    const held =
      next === undefined ? { addresses: new Set<string>(), ports: new Set<string>() } : claimsOf(next);
    const released = subtract(old === undefined ? undefined : claimsOf(old), held);
    return { commit: () => this.#free(released), rollback: () => this.#free(taken) };
  }

  async #load(): Promise<void> {
    try {
      const services = await this.#objects.list<corev1.Service>(
        { group: '', resource: 'services' },
        { workspace: ALL_WORKSPACES },
      );
      for (const { workspace, object } of services) {
        const claims = claimsOf(object);
        const owner = `${workspace}/${object.metadata.namespace}/${object.metadata.name}`;
        for (const address of claims.addresses) this.#addresses.add(address);
        for (const port of claims.ports) this.#nodePorts.set(port, owner);
      }
    } catch (error) {
      this.#loading = undefined;
      throw error;
    }
  }

  #free(claims: Claims): void {
    for (const address of claims.addresses) this.#addresses.delete(address);
    for (const port of claims.ports) this.#nodePorts.delete(port);
  }

  #allocate(
    service: corev1.Service,
    old: Readonly<corev1.Service> | undefined,
    owner: string,
    taken: Claims,
  ): void {
    const before = old === undefined ? undefined : claimsOf(old);
    if (needsAddress(service)) this.#allocateAddress(service, before, taken);
    this.#allocatePorts(service, before, owner, taken);
  }

  #allocateAddress(service: corev1.Service, before: Claims | undefined, taken: Claims): void {
    const spec = service.spec!;
    let address = spec.clusterIP || spec.clusterIPs?.[0] || '';
    if (address === '') {
      address = this.#freeAddress();
    } else if (!before?.addresses.has(address)) {
      const why = this.#refusal(address);
      if (why !== undefined) {
        const value = JSON.stringify(spec.clusterIPs ?? [address]);
        throw objectInvalid(SERVICE_KIND, service.metadata.name, [
          invalid('spec.clusterIPs', value, `failed to allocate IP ${address}: ${why}`),
        ]);
      }
    } else {
      return;
    }
    this.#addresses.add(address);
    taken.addresses.add(address);
    spec.clusterIP = address;
    spec.clusterIPs = [address];
    spec.ipFamilies ??= ['IPv4'];
    spec.ipFamilyPolicy ??= 'SingleStack';
  }

  #refusal(address: string): string | undefined {
    const number = addressNumber(address);
    const { first, size, cidr } = this.#network;
    if (number === undefined || number <= first || number >= first + size - 1)
      return `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${cidr}`;
    return this.#addresses.has(address) ? 'provided IP is already allocated' : undefined;
  }

  /** A random start, then the next free one; the lower band is left for addresses people choose, as upstream. */
  #freeAddress(): string {
    const { first, size } = this.#network;
    const usable = size - 2;
    const band = Math.min(Math.max(16, Math.floor(usable / 16)), 256);
    const reserved = usable > band ? band : 0;
    const start = randomInt(usable - reserved);
    for (let step = 0; step < usable; step++) {
      const offset = (reserved + start + step) % usable;
      const address = addressText(first + 1 + offset);
      if (!this.#addresses.has(address)) return address;
    }
    throw internalError('failed to allocate a serviceIP: range is full');
  }

  #allocatePorts(service: corev1.Service, before: Claims | undefined, owner: string, taken: Claims): void {
    const wanted = needsNodePorts(service);
    const own = new Map<number, Set<string>>();
    for (const port of service.spec?.ports ?? []) {
      if (port.nodePort)
        own.set(port.nodePort, (own.get(port.nodePort) ?? new Set()).add(port.protocol ?? 'TCP'));
    }
    for (const [index, port] of (service.spec?.ports ?? []).entries()) {
      const protocol = port.protocol ?? 'TCP';
      if (port.nodePort) {
        const claim = `${protocol}/${port.nodePort}`;
        if (before?.ports.has(claim)) continue;
        this.#checkPort(service, index, port.nodePort, claim, owner);
        this.#take(claim, owner, taken);
      } else if (wanted) {
        port.nodePort = this.#freePort(protocol, owner);
        this.#take(`${protocol}/${port.nodePort}`, owner, taken);
      }
    }
  }

  #take(claim: string, owner: string, taken: Claims): void {
    this.#nodePorts.set(claim, owner);
    taken.ports.add(claim);
  }

  #checkPort(service: corev1.Service, index: number, port: number, claim: string, owner: string): void {
    const { first, last } = this.#ports;
    let why: string | undefined;
    if (port < first || port > last)
      why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    else if (this.#nodePorts.has(claim) || this.#heldByOther(port, owner))
      why = 'provided port is already allocated';
    if (why !== undefined)
      throw objectInvalid(SERVICE_KIND, service.metadata.name, [
        invalid(`spec.ports[${index}].nodePort`, String(port), why),
      ]);
  }

  /** Upstream's allocator counts numbers, whatever the protocol; only one Service may use a number twice. */
  #heldByOther(port: number, owner: string): boolean {
    return ['TCP', 'UDP', 'SCTP'].some((protocol) => {
      const holder = this.#nodePorts.get(`${protocol}/${port}`);
      return holder !== undefined && holder !== owner;
    });
  }

  #freePort(protocol: string, owner: string): number {
    const { first, last } = this.#ports;
    const size = last - first + 1;
    const start = randomInt(size);
    for (let step = 0; step < size; step++) {
      const port = first + ((start + step) % size);
      if (!this.#nodePorts.has(`${protocol}/${port}`) && !this.#heldByOther(port, owner)) return port;
    }
    throw internalError('failed to allocate a nodePort: range is full');
  }
}

interface Claims {
  addresses: Set<string>;
  /** `<protocol>/<number>`. */
  ports: Set<string>;
}

function claimsOf(service: Readonly<corev1.Service>): Claims {
  const claims: Claims = { addresses: new Set(), ports: new Set() };
  const spec = service.spec;
  if (spec === undefined) return claims;
  if (spec.type !== 'ExternalName')
    for (const address of [spec.clusterIP, ...(spec.clusterIPs ?? [])])
      if (address && address !== 'None') claims.addresses.add(address);
  for (const port of spec.ports ?? [])
    if (port.nodePort) claims.ports.add(`${port.protocol ?? 'TCP'}/${port.nodePort}`);
  return claims;
}

function subtract(claims: Claims | undefined, held: Claims): Claims {
  const left = (all: Set<string> | undefined, minus: Set<string>) =>
    new Set([...(all ?? [])].filter((claim) => !minus.has(claim)));
  return {
    addresses: left(claims?.addresses, held.addresses),
    ports: left(claims?.ports, held.ports),
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

function parseCidr(cidr: string): { first: number; size: number; cidr: string } {
  const [address, bits] = cidr.split('/');
  const number = addressNumber(address ?? '');
  const length = Number(bits);
  if (number === undefined || !Number.isInteger(length) || length < 8 || length > 30)
    throw new BadRequest(`the service range "${cidr}" must be an IPv4 network of /8 to /30`, {
      details: { serviceCidr: cidr },
    });
  const size = 2 ** (32 - length);
  return { first: number - (number % size), size, cidr };
}

/** The first usable address of a range: the `kubernetes` Service's. @throws BadRequest */
export function firstServiceAddress(cidr: string): string {
  return addressText(parseCidr(cidr).first + 1);
}

function addressNumber(address: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (match === null) return undefined;
  const bytes = match.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((number, byte) => number * 256 + byte, 0);
}

function addressText(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
