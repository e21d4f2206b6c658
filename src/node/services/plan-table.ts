import type { EndpointAddress, ServicePort, ServiceProblem } from './service-port.ts';
import type { ChainPlan, CollectionPlan, TablePlan } from './table-plan.ts';

export interface PlanOptions {
  /** Six hex digits. */
  instance: string;
  /** Where NodePorts answer, besides 127.0.0.1. */
  nodeIps: string[];
  /** The addresses of this node's pods. */
  podCidr: string;
  /** Where cluster IPs are from: what no Service has of it is refused at once. */
  serviceCidr?: string;
  /** The bridge that the pods hang on. */
  bridge: string;
  /**
   * Whether the kernel shows bridged packets to nftables (net.bridge.bridge-nf-call-iptables). Without it the
   * answer of a pod to its neighbour would not pass here, so that the neighbour must not see the real source.
   */
  bridgeNetfilter: boolean;
  /** Whether a process of this host listens there; such an external port is left to it. */
  hostListens(protocol: 'tcp' | 'udp', ip: string, port: number): boolean;
}

/** The packet mark for "give it our source address", kube-proxy's own bit. */
const MASQUERADE_MARK = '0x00004000';
const BY_ADDRESS = 'type ipv4_addr . inet_proto . inet_service : verdict;';
const BY_PORT = 'type inet_proto . inet_service : verdict;';

/** From the ports of Services to rules; the structure is that of kube-proxy's nftables mode (KEP-3866). */
export function planTable(
  ports: readonly ServicePort[],
  options: PlanOptions,
): { plan: TablePlan; problems: ServiceProblem[] } {
  const planner = new Planner(options);
  for (const port of ports) planner.add(port);
  return { plan: planner.plan, problems: planner.problems };
}

class Planner {
  readonly plan: TablePlan;
  readonly problems: ServiceProblem[] = [];
  readonly #options: PlanOptions;

  constructor(options: PlanOptions) {
    this.#options = options;
    this.plan = {
      table: `ip ${tableName(options.instance)}`,
      chains: new Map(Object.entries(baseChains(options))),
      collections: new Map(Object.entries(baseCollections(options))),
      dynamicSets: new Map(),
    };
  }

  add(port: ServicePort): void {
    const { id, protocol } = port;
    const usesLocal = port.internalLocal || port.externalLocal;
    if (port.clusterEndpoints.length === 0) {
      this.#reject(port);
      return;
    }
    this.#balance(`svc-${id}`, port, port.clusterEndpoints, [this.#markForeign()]);
    if (usesLocal && port.localEndpoints.length > 0)
      this.#balance(`local-${id}`, port, port.localEndpoints, []);
    const local = port.localEndpoints.length > 0 ? `goto local-${id}` : 'drop';
    if (port.internalLocal) this.#chain(`internal-${id}`, [this.#markForeign(), local]);
    this.#element('service-ips', `${port.clusterIp} . ${protocol} . ${port.port}`, port, {
      verdict: port.internalLocal ? `goto internal-${id}` : `goto svc-${id}`,
    });
    if (port.externalLocal)
      // Pods and processes of this node get any endpoint; what comes from outside keeps its source.
      this.#chain(`external-${id}`, [
        `ip saddr ${this.#options.podCidr} goto svc-${id}`,
        `fib saddr type local goto svc-${id}`,
        local,
      ]);
    this.#external(port, port.externalLocal ? `goto external-${id}` : `goto svc-${id}`);
    for (const { ip } of port.clusterEndpoints)
      this.#collection('hairpins').elements.set(`${ip} . ${ip}`, '');
  }

  #external(port: ServicePort, verdict: string): void {
    const { id, protocol } = port;
    for (const ip of this.#openIps(port)) {
      const key = `${ip} . ${protocol} . ${port.port}`;
      if (!this.#element('service-ips', key, port, { verdict })) continue;
      if (port.sourceRanges.length === 0) continue;
      this.#chain(`firewall-${id}`, [`ip saddr != { ${port.sourceRanges.join(', ')} } drop`]);
      this.#element('firewall-ips', key, port, { verdict: `goto firewall-${id}` });
    }
    if (port.nodePort !== undefined)
      this.#element('node-ports', `${protocol} . ${port.nodePort}`, port, { verdict });
  }

  /** No endpoints: the client is told so at once. */
  #reject(port: ServicePort): void {
    const verdict = 'goto reject-chain';
    for (const ip of [port.clusterIp, ...this.#openIps(port)])
      this.#element('no-endpoint-services', `${ip} . ${port.protocol} . ${port.port}`, port, { verdict });
    if (port.nodePort !== undefined)
      this.#element('no-endpoint-node-ports', `${port.protocol} . ${port.nodePort}`, port, { verdict });
  }

  #openIps(port: ServicePort): string[] {
    return port.externalIps.filter((ip) => {
      if (!this.#options.hostListens(port.protocol, ip, port.port)) return true;
      this.problems.push({
        service: port.service,
        reason: 'PortInUse',
        message: `${ip}:${port.port}/${port.protocol} is not forwarded: a process of node listens on it`,
      });
      return false;
    });
  }

  #balance(name: string, port: ServicePort, endpoints: EndpointAddress[], before: string[]): void {
    const { protocol, affinityTimeoutSeconds } = port;
    if (affinityTimeoutSeconds !== undefined) {
      this.#balanceByClient(name, port, endpoints, before);
      return;
    }
    const [first] = endpoints;
    const choice =
      endpoints.length === 1
        ? `dnat to ${first!.ip}:${first!.port}`
        : `dnat ip addr . port to numgen random mod ${endpoints.length} map { ${endpoints
            .map(({ ip, port: number }, index) => `${index} : ${ip} . ${number}`)
            .join(', ')} }`;
    this.#chain(name, [...before, `meta l4proto ${protocol} ${choice}`]);
  }

  /** One chain and one set of clients for each endpoint; the set is shared by all ways to the port. */
  #balanceByClient(name: string, port: ServicePort, endpoints: EndpointAddress[], before: string[]): void {
    const { id, protocol, affinityTimeoutSeconds } = port;
    const targets = endpoints.map(({ ip, port: number }) => {
      const chain = `endpoint-${id}/${ip}/${number}`;
      // The time-out is part of the name: that of a set that stands cannot be changed.
      const set = `affinity-${affinityTimeoutSeconds}s-${id}/${ip}/${number}`;
      this.plan.dynamicSets.set(
        set,
        `type ipv4_addr; flags dynamic,timeout; size 65535; timeout ${affinityTimeoutSeconds}s;`,
      );
      this.#chain(chain, [`update @${set} { ip saddr }`, `meta l4proto ${protocol} dnat to ${ip}:${number}`]);
      return { chain, set };
    });
    const choices = targets.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ');
    this.#chain(name, [
      ...before,
      ...targets.map(({ chain, set }) => `ip saddr @${set} goto ${chain}`),
      `numgen random mod ${targets.length} vmap { ${choices} }`,
    ]);
  }

  /**
   * A source outside this node's pods (a process of the host, another node, the world) would be answered by
   * another way than it came: it gets our address.
   */
  #markForeign(): string {
    return `ip saddr != ${this.#options.podCidr} meta mark set meta mark | ${MASQUERADE_MARK}`;
  }

  #chain(name: string, rules: string[]): void {
    this.plan.chains.set(name, { rules });
  }

  /** @returns false when another port holds the key; the one that came first keeps it. */
  #element(collection: string, key: string, port: ServicePort, { verdict }: { verdict: string }): boolean {
    const { elements } = this.#collection(collection);
    const taken = elements.get(key);
    if (taken === undefined) elements.set(key, verdict);
    else if (taken !== verdict)
      this.problems.push({
        service: port.service,
        reason: 'PortInUse',
        message: `${key.replaceAll(' . ', ' ')} is not forwarded: another Service has it`,
      });
    return taken === undefined;
  }

  #collection(name: string): CollectionPlan {
    return this.plan.collections.get(name)!;
  }
}

export function tableName(instance: string): string {
  return `orrery_${instance}`;
}

function baseCollections({ nodeIps }: PlanOptions): Record<string, CollectionPlan> {
  const ips = [...new Set(['127.0.0.1', ...nodeIps.filter((ip) => !ip.includes(':'))])];
  const map = (definition: string): CollectionPlan => ({ kind: 'map', definition, elements: new Map() });
  return {
    'service-ips': map(BY_ADDRESS),
    'node-ports': map(BY_PORT),
    'no-endpoint-services': map(BY_ADDRESS),
    'no-endpoint-node-ports': map(BY_PORT),
    'firewall-ips': map(BY_ADDRESS),
    'node-ips': { kind: 'set', definition: 'type ipv4_addr;', elements: new Map(ips.map((ip) => [ip, ''])) },
    hairpins: { kind: 'set', definition: 'type ipv4_addr . ipv4_addr;', elements: new Map() },
  };
}

function baseChains(options: PlanOptions): Record<string, ChainPlan> {
  const chain = (hook: string, ...rules: string[]): ChainPlan => ({
    hook: `type ${hook}; policy accept;`,
    rules,
  });
  const noEndpoints = 'ct state new jump no-endpoints';
  return {
    'nat-prerouting': chain('nat hook prerouting priority dstnat', 'jump services'),
    'nat-output': chain('nat hook output priority -100', 'jump services'),
    'nat-postrouting': chain('nat hook postrouting priority srcnat', ...masquerading(options)),
    'filter-prerouting': chain('filter hook prerouting priority dstnat - 10', 'ct state new jump firewall'),
    'filter-output-first': chain('filter hook output priority -110', 'ct state new jump firewall'),
    'filter-input': chain('filter hook input priority filter', ...loopbackGuard(options), noEndpoints),
    'filter-forward': chain('filter hook forward priority filter', noEndpoints),
    'filter-output': chain('filter hook output priority filter', noEndpoints),
    services: {
      rules: [
        'ip daddr . meta l4proto . th dport vmap @service-ips',
        'ip daddr @node-ips meta l4proto . th dport vmap @node-ports',
      ],
    },
    firewall: { rules: ['ip daddr . meta l4proto . th dport vmap @firewall-ips'] },
    'no-endpoints': {
      rules: [
        'ip daddr . meta l4proto . th dport vmap @no-endpoint-services',
        'ip daddr @node-ips meta l4proto . th dport vmap @no-endpoint-node-ports',
        // Translated packets have left the range by now.
        ...(options.serviceCidr === undefined ? [] : [`ip daddr ${options.serviceCidr} goto reject-chain`]),
      ],
    },
    'reject-chain': {
      rules: ['meta l4proto tcp reject with tcp reset', 'reject with icmp type port-unreachable'],
    },
  };
}

function masquerading({ podCidr, bridgeNetfilter }: PlanOptions): string[] {
  return [
    // A pod that reached itself through a Service would get an answer from itself.
    'ct status dnat ip saddr . ip daddr @hairpins masquerade fully-random',
    ...(bridgeNetfilter
      ? []
      : [`ct status dnat ip saddr ${podCidr} ip daddr ${podCidr} masquerade fully-random`]),
    `meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
  ];
}

/**
 * route_localnet on the bridge lets packets for 127/8 in. Only those that a Service rule sent there may go
 * on (CVE-2020-8558).
 */
function loopbackGuard({ bridge }: PlanOptions): string[] {
  return [
    `iifname "${bridge}" ip daddr 127.0.0.0/8 ct status & dnat == 0 drop`,
    `iifname "${bridge}" ip saddr 127.0.0.0/8 drop`,
  ];
}
