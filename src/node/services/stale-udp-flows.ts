import type { TablePlan } from './table-plan.ts';

export interface UdpFlow {
  destination: string;
  port: number;
  /** `10.42.0.7` */
  endpoint: string;
}

/**
 * UDP has no end: a client that goes on sending keeps its old translation, even to an endpoint that is
 * gone. These are the translations that no rule makes any more.
 */
export function staleUdpFlows(before: TablePlan, after: TablePlan): UdpFlow[] {
  const flows: UdpFlow[] = [];
  for (const [key, verdict] of before.collections.get('service-ips')?.elements ?? []) {
    const [destination = '', protocol, port] = key.split(' . ');
    if (protocol !== 'udp') continue;
    const left = endpointsBehind(after, after.collections.get('service-ips')?.elements.get(key));
    for (const endpoint of endpointsBehind(before, verdict))
      if (!left.has(endpoint)) flows.push({ destination, port: Number(port), endpoint });
  }
  return flows;
}

/** Follows `goto` to the addresses at its end. */
function endpointsBehind(
  plan: TablePlan,
  verdict: string | undefined,
  seen = new Set<string>(),
): Set<string> {
  const found = new Set<string>();
  for (const [, chain = ''] of (verdict ?? '').matchAll(/goto (\S+)/g)) {
    const name = chain.replace(/,$/, '');
    if (seen.has(name)) continue;
    seen.add(name);
    for (const rule of plan.chains.get(name)?.rules ?? []) {
      for (const [, ip = ''] of rule.matchAll(/(?:dnat to |\d+ : )(\d+\.\d+\.\d+\.\d+)\b/g)) found.add(ip);
      for (const ip of endpointsBehind(plan, rule, seen)) found.add(ip);
    }
  }
  return found;
}
