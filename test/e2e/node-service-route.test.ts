import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../src/base/index.ts';
import { ENDPOINT_SLICES, type InformerFactory } from '../../src/client/index.ts';
import { createServiceRules, LinuxHostNetwork } from '../../src/node/services/index.ts';
import { whyNotHere } from './engine-fixture.ts';

const missing = await whyNotHere();
const instance = randomBytes(3).toString('hex');
const bridge = `orr${instance}`;
const [host, pod] = [`orrt${instance}-lone`, `orrt${instance}-pod`];
const sh = (command: string) =>
  execFileSync('/bin/sh', ['-ec', command], { encoding: 'utf8', stdio: 'pipe' }).trim();
const inHost = (command: string) => sh(`ip netns exec ${host} ${command}`);

const SERVER = `require('net').createServer((s) => s.end('hello ' + s.remoteAddress)).listen(8080, '0.0.0.0', () => console.log('up'))`;
/** Prints the answer, or the error's code. */
const CLIENT = `const s = require('net').connect({ host: process.argv[1], port: 80 }); s.on('error', (e) => console.log(e.code)); s.pipe(process.stdout)`;

/** A service at 10.43.0.10:80 with the pod behind it. */
const web = { name: 'web', namespace: 'default', uid: 'web' };
const service = { metadata: web, spec: { clusterIP: '10.43.0.10', ports: [{ port: 80, protocol: 'TCP' }] } };
const slice = {
  metadata: { ...web, labels: { 'kubernetes.io/service-name': 'web' } },
  addressType: 'IPv4',
  ports: [{ name: '', port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['10.42.0.11'], conditions: {}, nodeName: 'here' }],
};

describe.skipIf(missing !== '')(
  `a host without a default route${missing && ` (skipped: ${missing})`}`,
  () => {
    const rules = createServiceRules({
      informers: {
        informer: (ref: unknown) => ({
          list: () => [ref === ENDPOINT_SLICES ? slice : service],
          synced: () => Promise.resolve(),
          addHandler: () => () => undefined,
        }),
      } as unknown as InformerFactory,
      instance,
      nodeName: 'here',
      nodeIps: ['127.0.0.1'],
      podCidr: '10.42.0.0/24',
      serviceCidr: '10.43.0.0/16',
      bridge,
      log: silentLog,
      clock: systemClock,
      network: new LinuxHostNetwork({ enter: ['ip', 'netns', 'exec', host] }),
    });
    const stop = new AbortController();
    const started: number[] = [];

    beforeAll(async () => {
      for (const name of [host, pod]) sh(`ip netns add ${name}; ip -n ${name} link set lo up`);
      sh(`ip -n ${host} link add ${bridge} type bridge
      ip -n ${host} address add 10.42.0.1/24 dev ${bridge}
      ip -n ${host} link set ${bridge} up
      ip link add v0 netns ${host} type veth peer name eth0 netns ${pod}
      ip -n ${host} link set v0 master ${bridge} up
      ip -n ${host} link set v0 type bridge_slave hairpin on
      ip -n ${pod} address add 10.42.0.11/24 dev eth0
      ip -n ${pod} link set eth0 up
      ip -n ${pod} route add default via 10.42.0.1`);
      inHost('sysctl -qw net.ipv4.ip_forward=1');
      const child = spawn('ip', ['netns', 'exec', pod, process.execPath, '-e', SERVER]);
      started.push(child.pid!);
      await once(child.stdout, 'data');
      void rules.run(stop.signal);
      await rules.ready();
    });
    afterAll(() => {
      stop.abort();
      for (const pid of started) process.kill(pid, 'SIGKILL');
      for (const name of [host, pod]) sh(`ip netns delete ${name}`);
    });

    const connect = (where: string, to: string) =>
      sh(`timeout 5 ip netns exec ${where} ${process.execPath} -e "${CLIENT}" ${to}`);

    test('reaches a cluster IP, as a pod does', () => {
      expect(inHost('ip route show default')).toBe('');
      expect(connect(host, '10.43.0.10')).toBe('hello 10.42.0.1');
      expect(connect(pod, '10.43.0.10')).toMatch(/^hello 10\.42\.0\./);
    });

    test('an address that no Service has is refused at once', () => {
      expect(connect(host, '10.43.7.7')).toBe('ECONNREFUSED');
      expect(connect(pod, '10.43.7.7')).toBe('ECONNREFUSED');
    });

    test('the route goes with the rules', async () => {
      stop.abort();
      await rules.remove();
      expect(inHost('ip route show dev lo')).toBe('');
      expect(connect(host, '10.43.0.10')).toBe('ENETUNREACH');
    });
  },
);
