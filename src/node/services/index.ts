/**
 * services: from Services and EndpointSlices to one nftables table of this host.
 *
 * Guarantees: every change is one kernel transaction, so that no connection meets half of it; the rules
 * outlive this process and are taken over without a gap; remove() leaves nothing. A connection's cost does
 * not grow with the number of Services. Does not guarantee: an end to connections whose endpoint is gone
 * (TCP ends by itself; UDP is cut where the conntrack tool is installed). IPv4 only, so far; SCTP is refused
 * by name; healthCheckNodePort, topology hints and trafficDistribution have no effect on one node.
 */
export type { CompileOptions } from './compile-ruleset.ts';
export { type HostNetwork, LinuxHostNetwork } from './host-network.ts';
export {
  createServiceRules,
  removeServiceRules,
  type ServiceRules,
  type ServiceRulesOptions,
} from './service-rules.ts';
