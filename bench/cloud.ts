/**
 * What a user waits for: start to ready, apply to Ready, restart after a kill, a rolling restart under load;
 * and what an idle cloud costs in memory.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Cloud,
  createCloud,
  eventually,
  helloManifests,
  packHello,
  whyNoContainers,
} from '../test/harness/cloud.ts';
import { median, report } from './report.ts';

const RUNS = 5;
const reason = whyNoContainers();
if (reason !== undefined) throw new Error(`cannot measure: ${reason}`);

const rows: string[][] = [];
const ms = (values: number[]) => `${Math.round(median(values))} ms`;
const range = (values: number[]) =>
  `${Math.round(Math.min(...values))}–${Math.round(Math.max(...values))} ms`;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const cloud = await createCloud();
try {
  rows.push(['first `orrery up --detach` (makes CA and store)', ms([await timed(() => cloud.up())]), '']);
  const starts: number[] = [];
  for (let i = 0; i < RUNS; i += 1) {
    await cloud.orrery('down');
    starts.push(await timed(() => cloud.up()));
  }
  rows.push(['`orrery up --detach` again, to /readyz and node Ready', ms(starts), range(starts)]);

  await delay(20_000);
  const { roles } = await cloud.status();
  const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  for (const role of roles)
    rows.push([
      `idle memory of ${role.name}, RSS`,
      mb(role.memory.rssBytes),
      `PSS ${mb(role.memory.pssBytes)}`,
    ]);
  rows.push([
    'idle memory of all together, RSS',
    mb(roles.reduce((sum, r) => sum + r.memory.rssBytes, 0)),
    `PSS ${mb(roles.reduce((sum, r) => sum + r.memory.pssBytes, 0))}`,
  ]);

  await packHello(cloud);
  await cloud.orrery('image', 'pack', 'local/sleep', '/bin/sleep');
  for (const count of [1, 10, 30]) {
    const times: number[] = [];
    for (let i = 0; i < (count === 30 ? 3 : RUNS); i += 1) times.push(await applyToReady(cloud, count));
    rows.push([
      `\`kubectl apply\` → all Ready, ${count} pod${count === 1 ? '' : 's'}`,
      ms(times),
      range(times),
    ]);
  }
  const restarts: number[] = [];
  for (let i = 0; i < RUNS; i += 1) {
    await cloud.kubectlWith(podManifest(`victim-${i}`), 'apply', '-f', '-');
    await cloud.kubectl('wait', '--for=condition=Ready', `pod/victim-${i}`, '--timeout=60s');
    restarts.push(await killToRunning(cloud, `victim-${i}`));
  }
  rows.push(['container killed → running again (first restart)', ms(restarts), range(restarts)]);

  await cloud.kubectl('apply', '-f', helloManifests());
  await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
  const { requests, failures, seconds } = await rollingRestart(cloud);
  rows.push([
    `failed requests in a rolling restart, 2 pods, 8 clients (${requests} requests in ${seconds.toFixed(1)} s)`,
    String(failures),
    '',
  ]);
} finally {
  await cloud.destroy();
}
report(
  'cloud',
  'A whole cloud as a user starts it, on loopback, images already in the store.',
  ['what', 'median', 'range'],
  rows,
);

function podManifest(name: string, replicas?: number): string {
  const spec = {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: 'local/sleep', imagePullPolicy: 'Never', args: ['100000'] }],
  };
  if (replicas === undefined)
    return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec });
  const labels = { bench: name };
  return JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  });
}

/** From the moment kubectl is started to the moment the last pod's Ready condition became true, as a watch sees it. */
async function applyToReady(cloud: Cloud, count: number): Promise<number> {
  const elapsed = await timed(async () => {
    await cloud.kubectlWith(podManifest('wave', count), 'apply', '-f', '-');
    await cloud.kubectl('rollout', 'status', 'deployment/wave', '--timeout=120s');
  });
  await cloud.kubectl('delete', 'deployment', 'wave', '--cascade=foreground');
  await eventually('the pods are gone', async () =>
    (await cloud.kubectl('get', 'pods', '-l', 'bench=wave', '-o', 'name')) === '' ? true : undefined,
  );
  return elapsed;
}

async function killToRunning(cloud: Cloud, pod: string): Promise<number> {
  const id = (
    await cloud.kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].containerID}')
  ).replace(/^\w+:\/\//, '');
  const processesOf = () =>
    readdirSync('/proc').filter((entry) => {
      if (!/^\d+$/.test(entry)) return false;
      try {
        return (
          readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('100000') &&
          readFileSync(`/proc/${entry}/cgroup`, 'utf8').includes(id)
        );
      } catch {
        return false; // ended while we looked
      }
    });
  const [victim] = processesOf();
  return timed(async () => {
    process.kill(Number(victim), 'SIGKILL');
    await eventually('the restart is reported', async () => {
      const text = await cloud.kubectl(
        'get',
        'pod',
        pod,
        '-o',
        'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}',
      );
      return text === '1 true' ? true : undefined;
    });
  });
}

async function rollingRestart(
  cloud: Cloud,
): Promise<{ requests: number; failures: number; seconds: number }> {
  const url = `http://${await cloud.kubectl('get', 'service', 'hello', '-o', 'jsonpath={.spec.clusterIP}')}:8080/`;
  const agent = new Agent({ keepAlive: false });
  const ask = () =>
    new Promise<boolean>((resolve) => {
      get(url, { agent, timeout: 5000 }, (response) =>
        response.resume().on('end', () => resolve(response.statusCode === 200)),
      )
        .on('timeout', () => resolve(false))
        .on('error', () => resolve(false));
    });
  let running = true;
  let requests = 0;
  let failures = 0;
  const start = performance.now();
  const clients = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (running) {
        requests += 1;
        if (!(await ask())) failures += 1;
      }
    }),
  );
  await cloud.kubectl('rollout', 'restart', 'deployment/hello');
  await cloud.kubectl('rollout', 'status', 'deployment/hello', '--timeout=90s');
  await delay(3000);
  running = false;
  await clients;
  return { requests, failures, seconds: (performance.now() - start) / 1000 };
}
