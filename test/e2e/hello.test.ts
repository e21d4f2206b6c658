import { Agent, get } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Cloud,
  createCloud,
  eventually,
  helloManifests,
  packHello,
  whyNoContainers,
} from '../harness/cloud.ts';

const reason = whyNoContainers();

/** One request on a connection of its own: a kept connection would stay with one pod. */
function ask(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ keepAlive: false }), timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(body)
          : reject(new Error(`HTTP ${response.statusCode}: ${body}`)),
      );
    })
      .on('timeout', function (this: { destroy(error: Error): void }) {
        this.destroy(new Error('timeout'));
      })
      .on('error', reject);
  });
}

describe.skipIf(reason !== undefined)(
  `examples/hello${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
      await packHello(cloud);
      await cloud.kubectl('apply', '-f', helloManifests());
      await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    });
    afterAll(() => cloud.destroy());

    const field = (jsonpath: string) =>
      cloud.kubectl('get', 'service', 'hello', '-o', `jsonpath=${jsonpath}`);

    test('kubectl top shows what the node and the pods use', async () => {
      expect(await cloud.kubectl('top', 'nodes', '--no-headers')).toMatch(/^\S+ +\d+m +\d+% +\d+Mi +\d+%/);
      const pods = await eventually('both pods are measured', async () => {
        const lines = (await cloud.kubectl('top', 'pods', '--no-headers')).trim().split('\n');
        return lines.length === 2 ? lines : undefined;
      });
      for (const line of pods) expect(line).toMatch(/^hello-\S+ +\d+m +[1-9]\d*Mi/);
    });

    test('the ClusterIP, the NodePort and the LoadBalancer address answer and spread over both pods', async () => {
      const clusterIp = await field('{.spec.clusterIP}');
      const nodePort = await field('{.spec.ports[0].nodePort}');
      const loadBalancer = await eventually(
        'the load balancer has an address',
        async () => (await field('{.status.loadBalancer.ingress[0].ip}')) || undefined,
      );
      const nodeIp = await cloud.kubectl(
        'get',
        'nodes',
        '-o',
        'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
      );
      for (const url of [
        `http://${clusterIp}:8080/`,
        `http://${nodeIp}:${nodePort}/`,
        `http://${loadBalancer}:8080/`,
      ]) {
        await eventually(`${url} answers`, () => ask(url));
        const answers = new Set<string>();
        for (let i = 0; i < 40; i += 1) answers.add(await ask(url));
        expect(answers.size, url).toBe(2);
      }
    });

    test('kubectl scale to 5 and back', async () => {
      await cloud.kubectl('scale', 'deployment/hello', '--replicas=5');
      await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
      expect(await cloud.kubectl('get', 'deployment', 'hello', '--no-headers')).toMatch(
        /^hello\s+5\/5\s+5\s+5/,
      );
      await cloud.kubectl('scale', 'deployment/hello', '--replicas=2');
      await eventually('two pods are left', async () =>
        (await cloud.kubectl('get', 'pods', '-o', 'name')).trim().split('\n').length === 2 ? true : undefined,
      );
    });

    test('a rolling restart replaces the pods without a failed request', async () => {
      const url = `http://${await field('{.spec.clusterIP}')}:8080/`;
      const before = await cloud.kubectl('get', 'pods', '-o', 'name');
      let stop = false;
      let requests = 0;
      const failures: string[] = [];
      const load = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!stop) {
            requests += 1;
            await ask(url).catch((error: Error) => failures.push(error.message));
          }
        }),
      );
      await cloud.kubectl('rollout', 'restart', 'deployment/hello');
      await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
      await eventually('the old pods are gone', async () => {
        const now = (await cloud.kubectl('get', 'pods', '-o', 'name')).trim().split('\n');
        return now.every((name) => !before.includes(name)) ? true : undefined;
      });
      stop = true;
      await load;
      expect(requests).toBeGreaterThan(100);
      expect(failures).toEqual([]);
    });

    test('kubectl logs, exec and describe show what runs', async () => {
      const [pod] = (await cloud.kubectl('get', 'pods', '-o', 'name')).trim().split('\n') as [string];
      expect(await cloud.kubectl('logs', pod)).toContain('listens on 8080');
      expect(
        await cloud.kubectl(
          'exec',
          pod,
          '--',
          'node',
          '-e',
          'console.log(process.env.GREETING, process.getuid())',
        ),
      ).toBe('Hello 65534\n');
      const description = await cloud.kubectl('describe', pod);
      for (const line of [
        'Scheduled',
        'Pulled',
        'Created',
        'Started',
        'QoS Class:                   Burstable',
      ])
        expect(description).toContain(line);
    });
  },
);
