import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../src/base/index.ts';
import { ENDPOINT_SLICES, type InformerFactory, type InformerHandler } from '../../src/client/index.ts';
import type { corev1, discoveryv1, KubeObject } from '../../src/kube/index.ts';
import { createServiceRules, LinuxHostNetwork, type ServiceRules } from '../../src/node/services/index.ts';

const able = process.getuid?.() === 0 && existsSync('/usr/sbin/nft');
const instance = randomBytes(3).toString('hex');
const bridge = `orr${instance}`;
const ns = (name: string) => `orrt${instance}-${name}`;
const NODE = process.execPath;
const PODS = { p1: '10.42.0.11', p2: '10.42.0.12', p3: '10.42.0.13' } as const;
const NODE_IP = '192.0.2.2';
const OUTSIDE = '192.0.2.1';

const sh = (command: string) =>
  execFileSync('/bin/sh', ['-ec', command], { encoding: 'utf8', stdio: 'pipe' });
const inside = (name: string, command: string) => sh(`ip netns exec ${ns(name)} ${command}`);

/** Answers each connection with `<own name> <address of the client>` and closes. UDP the same. */
const SERVER = `
const [name, port, host] = process.argv.slice(1);
const net = require('node:net'), udp = require('node:dgram').createSocket('udp4');
udp.on('message', (_, from) => udp.send(name + ' ' + from.address, from.port, from.address)).bind(Number(port), host);
net.createServer((socket) => { socket.on('error', () => 0); socket.end(name + ' ' + socket.remoteAddress.replace('::ffff:', '')); })
  .listen({ port: Number(port), host, backlog: 4096 }, () => console.log('up'));
`;

/** Connects \`count\` times, or for \`seconds\`, and prints how often which answer came. */
const CLIENT = `
const [protocol, host, port, count, seconds] = process.argv.slice(1);
const seen = {}, until = Date.now() + Number(seconds || 0) * 1000;
const note = (what) => { seen[what] = (seen[what] || 0) + 1; };
const tcp = () => new Promise((resolve) => {
  let text = '';
  const socket = require('node:net').connect({ host, port: Number(port), timeout: seconds ? 10_000 : 3000 });
  socket.on('data', (data) => { text += data; }).on('timeout', () => socket.destroy(new Error('timeout')));
  socket.on('error', (error) => { text = error.code || error.message; }).on('close', () => { note(text); resolve(); });
});
const udp = () => new Promise((resolve) => {
  const socket = require('node:dgram').createSocket('udp4');
  const end = (text) => { clearTimeout(timer); socket.close(); note(text); resolve(); };
  const timer = setTimeout(() => end('timeout'), 2000);
  socket.connect(Number(port), host, () => socket.send('x'));
  socket.on('message', (data) => end(String(data))).on('error', (error) => end(error.code));
});
const one = protocol === 'udp' ? udp : tcp;
// With a breath between, so that no source port comes twice in the time: that would meet what conntrack holds of the first.
const breath = () => new Promise((resolve) => setTimeout(resolve, 1));
const worker = async () => {
  for (let i = 0; i < Number(count) || Date.now() < until; i++) { await one(); if (seconds) await breath(); }
};
Promise.all(Array.from({ length: seconds ? 8 : 1 }, worker)).then(() => console.log(JSON.stringify(seen)));
`;

const servers: ChildProcess[] = [];

async function serve(where: string, name: string, port: number, host: string): Promise<void> {
  const child = spawn('ip', ['netns', 'exec', ns(where), NODE, '-e', SERVER, name, `${port}`, host]);
  servers.push(child);
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', () => reject(new Error(`the server ${name} did not start`)));
  });
}

function ask(
  where: string,
  target: string,
  { count = 1, seconds = 0, protocol = 'tcp' } = {},
): Promise<Record<string, number>> {
  const [host = '', port = ''] = target.split(':');
  const args = [
    'netns',
    'exec',
    ns(where),
    NODE,
    '-e',
    CLIENT,
    protocol,
    host,
    port,
    `${count}`,
    `${seconds || ''}`,
  ];
  const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (data) => {
      text += data;
    });
    child.on('close', () => (text === '' ? reject(new Error('the client died')) : resolve(JSON.parse(text))));
  });
}

/** What an informer shows, without an API server behind it. */
class Collection<T extends KubeObject> {
  #objects = new Map<string, T>();
  readonly #handlers = new Set<InformerHandler<T>>();

  set(...objects: T[]): void {
    this.#objects = new Map(objects.map((object) => [object.metadata.name, object]));
    for (const handler of this.#handlers) for (const object of objects) handler.onUpdate?.(object, object);
  }

  list = () => [...this.#objects.values()];
  synced = () => Promise.resolve();
  addHandler = (handler: InformerHandler<T>) => {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  };
}

const services = new Collection<corev1.Service>();
const slices = new Collection<discoveryv1.EndpointSlice>();
const informers = {
  informer: (ref: unknown) => (ref === ENDPOINT_SLICES ? slices : services),
} as unknown as InformerFactory;
const events: string[] = [];

function makeRules(): ServiceRules {
  return createServiceRules({
    informers,
    instance,
    nodeName: 'here',
    nodeIps: [NODE_IP],
    podCidr: '10.42.0.0/24',
    bridge,
    log: silentLog,
    clock: systemClock,
    network: new LinuxHostNetwork({ enter: ['ip', 'netns', 'exec', ns('host')] }),
    events: {
      event: (_object, _type, reason, message) => events.push(`${reason} ${message}`),
      for: () => {
        throw new Error('not used');
      },
    },
  });
}

type Spec = Partial<corev1.ServiceSpec> & { clusterIP: string };

function service(name: string, spec: Spec, ingress?: string): corev1.Service {
  return {
    metadata: { name, namespace: 'default', uid: name },
    spec: { ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    ...(ingress && { status: { loadBalancer: { ingress: [{ ip: ingress }] } } }),
  } as corev1.Service;
}

type Where = { ip: string; terminating?: boolean; ready?: boolean; nodeName?: string };

function slice(name: string, endpoints: Where[], port = 8080, protocol = 'TCP'): discoveryv1.EndpointSlice {
  return {
    metadata: { name: `${name}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol }],
    endpoints: endpoints.map(({ ip, terminating = false, ready = !terminating, nodeName = 'here' }) => ({
      addresses: [ip],
      conditions: { ready, serving: true, terminating },
      nodeName,
    })),
  } as unknown as discoveryv1.EndpointSlice;
}

const ruleset = () => inside('host', 'nft list ruleset');

/** The rules are set when the kernel holds what the collections say: a marker Service tells. */
let marker = 0;
async function settle(): Promise<void> {
  const number = 1000 + ++marker;
  const ports = [{ port: number, protocol: 'TCP' } as corev1.ServicePort];
  const others = services.list().filter((one) => one.metadata.name !== 'marker');
  services.set(...others, service('marker', { clusterIP: '10.43.99.1', ports }));
  const element = `'{ 10.43.99.1 . tcp . ${number} }'`;
  const get = `nft get element ip orrery_${instance} no-endpoint-services ${element} 2>&1 || true`;
  await expect.poll(() => inside('host', get), { timeout: 15_000, interval: 20 }).toContain('elements');
}

async function given(all: corev1.Service[], endpoints: discoveryv1.EndpointSlice[]): Promise<void> {
  services.set(...all);
  slices.set(...endpoints);
  await settle();
}

describe.skipIf(!able)('service rules in the kernel (needs root and nft)', () => {
  const stop = new AbortController();
  let running: Promise<void>;

  beforeAll(async () => {
    const pods = Object.entries(PODS);
    for (const name of ['host', 'out', ...pods.map(([pod]) => pod)])
      sh(`ip netns add ${ns(name)}; ip -n ${ns(name)} link set lo up`);
    sh(`
      ip -n ${ns('host')} link add ${bridge} type bridge
      ip -n ${ns('host')} addr add 10.42.0.1/24 dev ${bridge}
      ip -n ${ns('host')} link set ${bridge} up
      ip link add eth0 netns ${ns('host')} type veth peer name eth0 netns ${ns('out')}
      ip -n ${ns('host')} addr add ${NODE_IP}/24 dev eth0
      ip -n ${ns('out')} addr add ${OUTSIDE}/24 dev eth0
      ip -n ${ns('host')} link set eth0 up
      ip -n ${ns('out')} link set eth0 up
      ip -n ${ns('host')} route add default via ${OUTSIDE}
    `);
    for (const [pod, ip] of pods)
      sh(`
        ip link add v${pod} netns ${ns('host')} type veth peer name eth0 netns ${ns(pod)}
        ip -n ${ns('host')} link set v${pod} master ${bridge} up
        ip -n ${ns('host')} link set v${pod} type bridge_slave hairpin on
        ip -n ${ns(pod)} addr add ${ip}/24 dev eth0
        ip -n ${ns(pod)} link set eth0 up
        ip -n ${ns(pod)} route add default via 10.42.0.1
      `);
    inside('host', 'sysctl -qw net.ipv4.ip_forward=1');
    await Promise.all(pods.map(([pod, ip]) => serve(pod, pod, 8080, ip)));
    const rules = makeRules();
    running = rules.run(stop.signal);
    await rules.ready();
  });

  afterAll(async () => {
    stop.abort();
    await running;
    for (const child of servers) child.kill('SIGKILL');
    for (const name of ['host', 'out', ...Object.keys(PODS)]) sh(`ip netns delete ${ns(name)}`);
  });

  beforeEach(() => {
    events.length = 0;
  });

  const two = [{ ip: PODS.p1 }, { ip: PODS.p2 }];

  test('a cluster IP spreads over its endpoints, from host and pod; a pod keeps its source address', async () => {
    await given([service('web', { clusterIP: '10.43.0.10' })], [slice('web', two)]);
    const fromPod = await ask('p3', '10.43.0.10:80', { count: 60 });
    expect(Object.keys(fromPod).sort()).toEqual([`p1 ${PODS.p3}`, `p2 ${PODS.p3}`]);
    expect(Math.min(...Object.values(fromPod))).toBeGreaterThan(10);
    const fromHost = await ask('host', '10.43.0.10:80', { count: 60 });
    expect(Object.keys(fromHost).sort()).toEqual(['p1 10.42.0.1', 'p2 10.42.0.1']);
  });

  test('a pod reaches itself through a Service', async () => {
    await given([service('web', { clusterIP: '10.43.0.10' })], [slice('web', [{ ip: PODS.p1 }])]);
    expect(await ask('p1', '10.43.0.10:80')).toEqual({ 'p1 10.42.0.1': 1 });
  });

  test('a node port answers from outside, from the host by its address and by 127.0.0.1, and from pods', async () => {
    const ports = [{ port: 80, protocol: 'TCP', nodePort: 30080 } as corev1.ServicePort];
    await given(
      [service('web', { clusterIP: '10.43.0.10', type: 'NodePort', ports })],
      [slice('web', [{ ip: PODS.p1 }])],
    );
    expect(await ask('out', `${NODE_IP}:30080`)).toEqual({ 'p1 10.42.0.1': 1 });
    expect(await ask('host', `${NODE_IP}:30080`)).toEqual({ 'p1 10.42.0.1': 1 });
    expect(await ask('host', '127.0.0.1:30080')).toEqual({ 'p1 10.42.0.1': 1 });
    expect(await ask('p2', `${NODE_IP}:30080`)).toEqual({ [`p1 ${PODS.p2}`]: 1 });
  });

  test('a load balancer address and an external IP answer; Local keeps the source of the outside', async () => {
    const ports = [{ port: 8000, protocol: 'TCP', nodePort: 30081 } as corev1.ServicePort];
    const spec = { clusterIP: '10.43.0.11', ports, externalIPs: ['198.51.100.7'] };
    sh(`ip -n ${ns('out')} route replace 198.51.100.7 via ${NODE_IP}`);
    await given([service('lb', spec, NODE_IP)], [slice('lb', [{ ip: PODS.p1 }])]);
    expect(await ask('out', `${NODE_IP}:8000`)).toEqual({ 'p1 10.42.0.1': 1 });
    expect(await ask('out', '198.51.100.7:8000')).toEqual({ 'p1 10.42.0.1': 1 });
    await given(
      [service('lb', { ...spec, externalTrafficPolicy: 'Local' }, NODE_IP)],
      [slice('lb', [{ ip: PODS.p1 }])],
    );
    expect(await ask('out', `${NODE_IP}:8000`)).toEqual({ [`p1 ${OUTSIDE}`]: 1 });
    expect(await ask('out', `${NODE_IP}:30081`)).toEqual({ [`p1 ${OUTSIDE}`]: 1 });
    expect(await ask('host', `${NODE_IP}:30081`)).toEqual({ 'p1 10.42.0.1': 1 });
  });

  test('loadBalancerSourceRanges keeps others out', async () => {
    const spec = { clusterIP: '10.43.0.11', loadBalancerSourceRanges: ['203.0.113.0/24'] };
    await given([service('lb', spec, NODE_IP)], [slice('lb', [{ ip: PODS.p1 }])]);
    expect(await ask('out', `${NODE_IP}:80`)).toEqual({ timeout: 1 });
    await given(
      [service('lb', { ...spec, loadBalancerSourceRanges: [`${OUTSIDE}/32`] }, NODE_IP)],
      [slice('lb', [{ ip: PODS.p1 }])],
    );
    expect(await ask('out', `${NODE_IP}:80`)).toEqual({ 'p1 10.42.0.1': 1 });
  });

  test('Local policies use this node only, and drop when it has no endpoint', async () => {
    const away = { ip: PODS.p2, nodeName: 'elsewhere' };
    const spec = { clusterIP: '10.43.0.10', internalTrafficPolicy: 'Local' };
    await given([service('web', spec)], [slice('web', [{ ip: PODS.p1 }, away])]);
    expect(await ask('p3', '10.43.0.10:80', { count: 20 })).toEqual({ [`p1 ${PODS.p3}`]: 20 });
    await given([service('web', spec)], [slice('web', [away])]);
    expect(await ask('p3', '10.43.0.10:80')).toEqual({ timeout: 1 });
  });

  test('session affinity keeps a client at its endpoint, also when another one comes and the rules are rewritten', async () => {
    const spec = { clusterIP: '10.43.0.12', sessionAffinity: 'ClientIP' };
    await given([service('sticky', spec)], [slice('sticky', two)]);
    const first = await ask('p3', '10.43.0.12:80', { count: 20 });
    expect(Object.keys(first)).toHaveLength(1);
    await given([service('sticky', spec)], [slice('sticky', [...two, { ip: PODS.p3 }])]);
    expect(Object.keys(await ask('p3', '10.43.0.12:80', { count: 20 }))).toEqual(Object.keys(first));
    const again = makeRules();
    const stopAgain = new AbortController();
    const run = again.run(stopAgain.signal);
    await again.ready();
    stopAgain.abort();
    await run;
    expect(Object.keys(await ask('p3', '10.43.0.12:80', { count: 20 }))).toEqual(Object.keys(first));
  });

  test('no endpoint is refused at once, everywhere', async () => {
    const ports = [{ port: 80, protocol: 'TCP', nodePort: 30082 } as corev1.ServicePort];
    await given([service('none', { clusterIP: '10.43.0.13', ports }, NODE_IP)], []);
    for (const [where, target] of [
      ['p1', '10.43.0.13:80'],
      ['host', '10.43.0.13:80'],
      ['out', `${NODE_IP}:30082`],
      ['out', `${NODE_IP}:80`],
      ['host', '127.0.0.1:30082'],
    ] as const)
      expect(await ask(where, target)).toEqual({ ECONNREFUSED: 1 });
  });

  test('endpoints that terminate but serve are used only when no other is left', async () => {
    const web = service('web', { clusterIP: '10.43.0.10' });
    await given([web], [slice('web', [{ ip: PODS.p1, terminating: true }, { ip: PODS.p2 }])]);
    expect(await ask('p3', '10.43.0.10:80', { count: 20 })).toEqual({ [`p2 ${PODS.p3}`]: 20 });
    await given([web], [slice('web', [{ ip: PODS.p1, terminating: true }])]);
    expect(await ask('p3', '10.43.0.10:80')).toEqual({ [`p1 ${PODS.p3}`]: 1 });
    await given([web], [slice('web', [{ ip: PODS.p1, ready: false }])]);
    expect(await ask('p3', '10.43.0.10:80')).toEqual({ ECONNREFUSED: 1 });
  });

  test('UDP is carried, and refused without endpoints', async () => {
    const ports = [{ port: 53, protocol: 'UDP', nodePort: 30053 } as corev1.ServicePort];
    const dns = service('dns', { clusterIP: '10.43.0.14', ports });
    await given([dns], [slice('dns', [{ ip: PODS.p1 }], 8080, 'UDP')]);
    expect(await ask('p3', '10.43.0.14:53', { protocol: 'udp' })).toEqual({ [`p1 ${PODS.p3}`]: 1 });
    expect(await ask('out', `${NODE_IP}:30053`, { protocol: 'udp' })).toEqual({ 'p1 10.42.0.1': 1 });
    await given([dns], []);
    expect(await ask('p3', '10.43.0.14:53', { protocol: 'udp' })).toEqual({ ECONNREFUSED: 1 });
  });

  test('the kubernetes Service reaches an API server on the loopback of the host, and nothing else there is reached', async () => {
    await serve('host', 'api', 6443, '127.0.0.1');
    const kubernetes = service('kubernetes', {
      clusterIP: '10.43.0.1',
      ports: [{ port: 443, protocol: 'TCP' } as corev1.ServicePort],
    });
    const trap = service('trap', { clusterIP: '10.43.0.15' });
    await given(
      [kubernetes, trap],
      [slice('kubernetes', [{ ip: '127.0.0.1' }], 6443), slice('trap', [{ ip: '127.0.0.1' }], 6443)],
    );
    expect(await ask('p1', '10.43.0.1:443')).toEqual({ [`api ${PODS.p1}`]: 1 });
    expect(Object.keys(await ask('host', '10.43.0.1:443'))).toEqual([expect.stringMatching(/^api /)]);
    expect(await ask('p1', '10.43.0.15:80')).toEqual({ ECONNREFUSED: 1 });
    // What a hostile pod may try: the host's loopback by way of the bridge.
    sh(
      `ip -n ${ns('p2')} addr del 127.0.0.1/8 dev lo; ip -n ${ns('p2')} route add 127.0.0.1/32 via 10.42.0.1 src ${PODS.p2}`,
    );
    inside('p2', 'sysctl -qw net.ipv4.conf.all.route_localnet=1');
    expect(await ask('p2', '127.0.0.1:6443')).toEqual({ timeout: 1 });
    sh(
      `ip -n ${ns('p2')} route del 127.0.0.1/32 via 10.42.0.1; ip -n ${ns('p2')} addr add 127.0.0.1/8 dev lo`,
    );
    inside('p2', 'sysctl -qw net.ipv4.conf.all.route_localnet=0');
  });

  test('a port that a process of the host listens on stays with it, and an event says so', async () => {
    await serve('host', 'process', 9000, '0.0.0.0');
    const ports = [{ port: 9000, protocol: 'TCP' } as corev1.ServicePort];
    await given(
      [service('lb', { clusterIP: '10.43.0.11', ports }, NODE_IP)],
      [slice('lb', [{ ip: PODS.p1 }], 8080)],
    );
    expect(await ask('out', `${NODE_IP}:9000`)).toEqual({ [`process ${OUTSIDE}`]: 1 });
    expect(await ask('p3', '10.43.0.11:9000')).toEqual({ [`p1 ${PODS.p3}`]: 1 });
    expect(events).toEqual([
      `PortInUse ${NODE_IP}:9000/tcp is not forwarded: a process of node listens on it`,
    ]);
  });

  test('no connection fails while endpoints are swapped under load', async () => {
    const web = service('web', { clusterIP: '10.43.0.10' });
    await given([web], [slice('web', two)]);
    const load = ask('p3', '10.43.0.10:80', { count: 0, seconds: 4 });
    let over = false;
    void load.then(() => {
      over = true;
    });
    const shapes = [[{ ip: PODS.p1 }], two, [{ ip: PODS.p2 }], [{ ip: PODS.p1, terminating: true }]];
    let swaps = 0;
    for (; !over; swaps++) {
      slices.set(slice('web', shapes[swaps % shapes.length]!));
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    const seen = await load;
    const wrong = Object.keys(seen).filter((answer) => !/^p[12] 10\.42\.0\.13$/.test(answer));
    console.log(
      `swapped ${swaps} times under ${Object.values(seen).reduce((sum, n) => sum + n, 0)} connections`,
    );
    expect(wrong).toEqual([]);
    expect(swaps).toBeGreaterThan(20);
  });

  test('rules outlive their maker, and stale ones go at the next start', async () => {
    await given([service('old', { clusterIP: '10.43.0.16' })], [slice('old', [{ ip: PODS.p1 }])]);
    sh(`ip netns exec ${ns('host')} nft add chain ip orrery_${instance} svc-default/gone/tcp/80`);
    const again = makeRules();
    const stopAgain = new AbortController();
    const run = again.run(stopAgain.signal);
    await again.ready();
    stopAgain.abort();
    await run;
    expect(ruleset()).not.toContain('default/gone');
    expect(await ask('p3', '10.43.0.16:80')).toEqual({ [`p1 ${PODS.p3}`]: 1 });
  });

  test('three thousand Services stand within seconds, and one change is quick', async () => {
    const many = Array.from({ length: 3000 }, (_, i) =>
      service(`s${i}`, { clusterIP: `10.43.${10 + (i >> 8)}.${i & 255}` }),
    );
    const all = many.map((one) => slice(one.metadata.name, two));
    let startedAt = performance.now();
    await given(many, all);
    const wholeMs = Math.round(performance.now() - startedAt);
    startedAt = performance.now();
    all[7] = slice('s7', [{ ip: PODS.p3 }]);
    await given(many, all);
    const changeMs = Math.round(performance.now() - startedAt);
    console.log(`3,000 services: ${wholeMs} ms, then one change: ${changeMs} ms`);
    expect(await ask('p1', '10.43.10.7:80')).toEqual({ [`p3 ${PODS.p1}`]: 1 });
    expect(wholeMs).toBeLessThan(15_000);
    await given([], []);
  });

  test('remove() leaves nothing', async () => {
    stop.abort();
    await running;
    await makeRules().remove();
    expect(ruleset()).not.toContain('orrery');
    expect(inside('host', `cat /proc/sys/net/ipv4/conf/${bridge}/route_localnet`).trim()).toBe('0');
  });
});
