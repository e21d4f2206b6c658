import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { type CompileOptions, compileRuleset, planRuleset } from './compile-ruleset.ts';
import { ProcListeners } from './host-network.ts';
import { differenceScript } from './nft-script.ts';
import { staleUdpFlows } from './stale-udp-flows.ts';
import type { TablePlan } from './table-plan.ts';

const options: CompileOptions = {
  instance: 'abcdef',
  nodeName: 'here',
  nodeIps: ['192.0.2.2'],
  podCidr: '10.42.0.0/24',
  bridge: 'orrabcdef',
  bridgeNetfilter: true,
  hostListens: () => false,
};

function service(name: string, spec: Partial<corev1.ServiceSpec>, ingress?: string): corev1.Service {
  return {
    metadata: { name, namespace: 'default', uid: name },
    spec: { clusterIP: '10.43.0.10', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    ...(ingress && { status: { loadBalancer: { ingress: [{ ip: ingress }] } } }),
  } as corev1.Service;
}

function slice(name: string, ips: string[], port: object = { name: '', port: 8080, protocol: 'TCP' }) {
  return {
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [port],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: {}, nodeName: 'here' })),
  } as unknown as discoveryv1.EndpointSlice;
}

const rulesOf = (plan: TablePlan, chain: string) => plan.chains.get(chain)?.rules;

test('two endpoints are chosen between by a random number', () => {
  const { plan } = planRuleset([service('web', {})], [slice('web', ['10.42.0.6', '10.42.0.5'])], options);
  expect(plan.collections.get('service-ips')!.elements).toEqual(
    new Map([['10.43.0.10 . tcp . 80', 'goto svc-default/web/tcp/80']]),
  );
  expect(rulesOf(plan, 'svc-default/web/tcp/80')).toEqual([
    'ip saddr != 10.42.0.0/24 meta mark set meta mark | 0x00004000',
    'meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.42.0.5 . 8080, 1 : 10.42.0.6 . 8080 }',
  ]);
});

test('headless and ExternalName Services, and other families, have no rules', () => {
  const none = [
    service('headless', { clusterIP: 'None' }),
    service('name', { type: 'ExternalName', clusterIP: '', externalName: 'x.example' }),
    service('six', { clusterIP: 'fd00::1', clusterIPs: ['fd00::1'] }),
  ];
  const { plan, problems } = planRuleset(none, [], options);
  expect(plan.collections.get('no-endpoint-services')!.elements.size).toBe(0);
  expect(problems).toEqual([]);
});

test('SCTP is refused by name, the other ports of the Service are not', () => {
  const ports = [
    { name: 'a', port: 1, protocol: 'SCTP' },
    { name: 'b', port: 2 },
  ] as corev1.ServicePort[];
  const { plan, problems } = planRuleset([service('web', { ports })], [], options);
  expect(problems.map(({ message }) => message)).toEqual([
    'port a: protocol SCTP is not supported by service rules',
  ]);
  expect([...plan.collections.get('no-endpoint-services')!.elements.keys()]).toEqual([
    '10.43.0.10 . tcp . 2',
  ]);
});

test('a named port takes the slice port of that name', () => {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }] as corev1.ServicePort[];
  const slices = [
    slice('web', ['10.42.0.5'], { name: 'http', port: 8080, protocol: 'TCP' }),
    { ...slice('web', ['10.42.0.5'], { name: 'admin', port: 9090, protocol: 'TCP' }) },
  ];
  const { plan } = planRuleset([service('web', { ports })], slices, options);
  expect(rulesOf(plan, 'svc-default/web/tcp/80')!.at(-1)).toBe('meta l4proto tcp dnat to 10.42.0.5:8080');
});

test('an endpoint that stands in two slices counts once', () => {
  const slices = [slice('web', ['10.42.0.5']), slice('web', ['10.42.0.5'])];
  const { plan } = planRuleset([service('web', {})], slices, options);
  expect(rulesOf(plan, 'svc-default/web/tcp/80')!.at(-1)).toBe('meta l4proto tcp dnat to 10.42.0.5:8080');
});

test('a loopback endpoint counts only for the API server’s own Service', () => {
  const { plan } = planRuleset(
    [service('kubernetes', {}), service('trap', { clusterIP: '10.43.0.11' })],
    [slice('kubernetes', ['127.0.0.1']), slice('trap', ['127.0.0.1'])],
    options,
  );
  expect([...plan.collections.get('service-ips')!.elements.keys()]).toEqual(['10.43.0.10 . tcp . 80']);
  expect([...plan.collections.get('no-endpoint-services')!.elements.keys()]).toEqual([
    '10.43.0.11 . tcp . 80',
  ]);
});

test('of two Services with one external port the older keeps it', () => {
  const at = (name: string, creationTimestamp: string, clusterIP: string) => {
    const made = service(name, { clusterIP }, '192.0.2.2');
    return { ...made, metadata: { ...made.metadata, creationTimestamp } };
  };
  const { plan, problems } = planRuleset(
    [at('young', '2026-01-02T00:00:00Z', '10.43.0.11'), at('old', '2026-01-01T00:00:00Z', '10.43.0.12')],
    [slice('young', ['10.42.0.5']), slice('old', ['10.42.0.6'])],
    options,
  );
  expect(plan.collections.get('service-ips')!.elements.get('192.0.2.2 . tcp . 80')).toBe(
    'goto svc-default/old/tcp/80',
  );
  expect(problems.map(({ service: { metadata }, message }) => [metadata.name, message])).toEqual([
    ['young', '192.0.2.2 tcp 80 is not forwarded: another Service has it'],
  ]);
});

test('without bridge netfilter, neighbours do not see each other’s address', () => {
  const rule = 'ct status dnat ip saddr 10.42.0.0/24 ip daddr 10.42.0.0/24 masquerade fully-random';
  expect(compileRuleset([], [], options)).not.toContain(rule);
  expect(compileRuleset([], [], { ...options, bridgeNetfilter: false })).toContain(rule);
});

/** Applies a script of ours to the names and contents of a table, as the kernel would. */
function applied(plan: TablePlan, script: string): Record<string, string[]> {
  const state: Record<string, string[]> = {};
  for (const [name, { rules }] of plan.chains) state[`chain ${name}`] = [...rules];
  for (const [name, { elements }] of plan.collections)
    state[`elements ${name}`] = [...elements].map(([key, value]) => (value ? `${key} : ${value}` : key));
  for (const line of script.split('\n').filter((text) => text !== '')) {
    const [, verb, kind, , , name, rest = ''] = /^(\w+) (\w+) (\w+) (\w+) (\S+) ?(.*)$/.exec(line)!;
    const items = rest.replace(/^\{ | \}$/g, '').split(', ');
    if (verb === 'add' && kind === 'chain') state[`chain ${name}`] ??= [];
    if (verb === 'flush' && kind === 'chain') state[`chain ${name}`] = [];
    if (verb === 'add' && kind === 'rule') state[`chain ${name}`]!.push(rest);
    if (verb === 'delete' && kind === 'chain') delete state[`chain ${name}`];
    if (verb === 'add' && kind === 'element') state[`elements ${name}`]!.push(...items);
    if (verb === 'delete' && kind === 'element')
      state[`elements ${name}`] = state[`elements ${name}`]!.filter(
        (one) => !items.some((key) => one === key || one.startsWith(`${key} : `)),
      );
  }
  for (const [name, items] of Object.entries(state)) if (name.startsWith('elements')) items.sort();
  return state;
}

test('the difference of any two plans, applied to the first, gives the second', () => {
  const world = fc.record({
    ips: fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.subarray(['10.42.0.1', '10.42.0.2', '10.42.0.3']),
    ),
    affinity: fc.boolean(),
    local: fc.boolean(),
    nodePort: fc.boolean(),
  });
  const plan = ({
    ips,
    affinity,
    local,
    nodePort,
  }: typeof world extends fc.Arbitrary<infer T> ? T : never) => {
    const services = Object.keys(ips).map((name, index) =>
      service(
        name,
        {
          clusterIP: `10.43.0.${index}`,
          ports: [
            { port: 80, protocol: 'TCP', ...(nodePort && { nodePort: 30000 + index }) } as corev1.ServicePort,
          ],
          ...(affinity && { sessionAffinity: 'ClientIP' }),
          ...(local && { externalTrafficPolicy: 'Local' }),
        },
        '192.0.2.2',
      ),
    );
    return planRuleset(
      services,
      Object.entries(ips).map(([name, all]) => slice(name, all)),
      options,
    ).plan;
  };
  fc.assert(
    fc.property(world, world, (one, other) => {
      const from = plan(one);
      const to = plan(other);
      expect(applied(from, differenceScript(from, to))).toEqual(applied(to, ''));
    }),
  );
});

test('a UDP endpoint that is gone is forgotten by name', () => {
  const ports = [{ port: 53, protocol: 'UDP' }] as corev1.ServicePort[];
  const port = { name: '', port: 5353, protocol: 'UDP' };
  const plan = (ips: string[]) =>
    planRuleset([service('dns', { ports })], [slice('dns', ips, port)], options).plan;
  expect(staleUdpFlows(plan(['10.42.0.5', '10.42.0.6']), plan(['10.42.0.6']))).toEqual([
    { destination: '10.43.0.10', port: 53, endpoint: '10.42.0.5' },
  ]);
  expect(staleUdpFlows(plan(['10.42.0.5']), plan(['10.42.0.5', '10.42.0.6']))).toEqual([]);
});

test('reads who listens out of /proc/net', () => {
  const head = '  sl  local_address rem_address   st tx_queue rx_queue\n';
  const listeners = new ProcListeners({
    tcp: [
      `${head}   0: 0100007F:1F90 00000000:0000 0A 0\n   1: 020200C0:0050 01010101:0001 01 0\n`,
      `${head}   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0\n`,
    ],
    udp: [`${head}   0: 020200C0:0035 00000000:0000 07 0\n`, head],
  });
  expect(listeners.has('tcp', '127.0.0.1', 8080)).toBe(true);
  expect(listeners.has('tcp', '192.0.2.2', 8080)).toBe(false);
  expect(listeners.has('tcp', '192.0.2.2', 80)).toBe(true);
  expect(listeners.has('udp', '192.0.2.2', 53)).toBe(true);
  expect(listeners.has('udp', '192.0.2.3', 53)).toBe(false);
});
