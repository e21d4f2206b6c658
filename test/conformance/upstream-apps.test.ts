import { afterAll, beforeAll, expect, test } from 'vitest';
import { JSON_PATCH, MERGE, rawClient, rawWatch, type Send, STRATEGIC, type Watch } from './raw-client.ts';
import { type RunningServer, startServer } from './running-server.ts';

// What the tests of upstream's test/e2e/{apps,scheduling,storage,common} ask of the API server alone; titles are upstream's.

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever the server answers.
type Json = any;

const APPS = '/apis/apps/v1/namespaces/default';
const CORE = '/api/v1/namespaces/default';
const BATCH = '/apis/batch/v1/namespaces/default';

let running: RunningServer;
let send: Send;
let watch: Watch;

beforeAll(async () => {
  running = await startServer();
  send = await rawClient(running);
  watch = await rawWatch(running);
  await send('POST', `${CORE}/serviceaccounts`, { metadata: { name: 'default' } });
});

afterAll(() => running?.stop());

async function ok(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Json> {
  const answer = await send(method, path, body, headers);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.bytes}`);
  return answer.body;
}

const labels = { app: 'web' };
const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'app:1' }] } };

test('Deployment should run the lifecycle of a Deployment', async () => {
  const name = 'test-deployment';
  const spec = { replicas: 2, selector: { matchLabels: labels }, template };
  await ok('POST', `${APPS}/deployments`, {
    metadata: { name, labels: { 'test-deployment-static': 'true' } },
    spec,
  });
  const at = `${APPS}/deployments/${name}`;
  const patch = {
    metadata: { labels: { 'test-deployment': 'patched' } },
    spec: {
      replicas: 1,
      template: { spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'app', image: 'app:2' }] } },
    },
  };
  const patched = await ok('PATCH', at, patch, STRATEGIC);
  expect(patched.spec.template.spec.containers).toMatchObject([{ name: 'app', image: 'app:2' }]);
  expect([patched.spec.replicas, patched.metadata.generation]).toEqual([1, 2]);
  const scale = await ok('GET', `${at}/scale`);
  expect(scale).toMatchObject({ kind: 'Scale', spec: { replicas: 1 }, status: { selector: 'app=web' } });
  scale.spec.replicas = 3;
  await ok('PUT', `${at}/scale`, scale);
  expect((await ok('PATCH', `${at}/scale`, { spec: { replicas: 4 } }, MERGE)).spec.replicas).toBe(4);
  const status = await ok('PATCH', `${at}/status`, { status: { readyReplicas: 2, replicas: 2 } }, MERGE);
  expect([status.status.readyReplicas, status.spec.replicas, status.metadata.generation]).toEqual([2, 4, 4]);
  const ready = await ok('GET', `${at}/status`);
  ready.status.readyReplicas = 1;
  expect((await ok('PUT', `${at}/status`, ready)).status.readyReplicas).toBe(1);
});

test('a strategy that changes its type leaves nothing of the other behind', async () => {
  const spec = { selector: { matchLabels: labels }, template };
  await ok('POST', `${APPS}/deployments`, { metadata: { name: 'retained' }, spec });
  const at = `${APPS}/deployments/retained`;
  const recreate = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
  expect((await ok('PATCH', at, recreate, STRATEGIC)).spec.strategy).toEqual({ type: 'Recreate' });
  const volumes = (volume: object) => ({ spec: { template: { spec: { volumes: [volume] } } } });
  await ok('PATCH', at, volumes({ name: 'v', emptyDir: {} }), STRATEGIC);
  const swapped = volumes({ name: 'v', $retainKeys: ['name', 'configMap'], configMap: { name: 'c' } });
  expect((await ok('PATCH', at, swapped, STRATEGIC)).spec.template.spec.volumes).toEqual([
    { name: 'v', configMap: { name: 'c', defaultMode: 420 } },
  ]);
  const gone = volumes({ name: 'v', $patch: 'delete' });
  expect((await ok('PATCH', at, gone, STRATEGIC)).spec.template.spec.volumes ?? []).toEqual([]);
});

test('Job should apply changes to a job status', async () => {
  const spec = {
    parallelism: 2,
    completions: 4,
    template: { spec: { ...template.spec, restartPolicy: 'Never' } },
  };
  await ok('POST', `${BATCH}/jobs`, { metadata: { name: 'suspend' }, spec });
  const at = `${BATCH}/jobs/suspend/status`;
  const condition = (type: string) => ({
    type,
    status: 'True',
    lastTransitionTime: '2026-01-01T00:00:00Z',
    reason: 'E2E',
    message: 'Set from e2e test',
  });
  const conditions = [condition('CustomConditionType')];
  const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions } };
  const patched = await ok('PATCH', at, patch, MERGE);
  expect([patched.status.conditions, patched.metadata.annotations]).toEqual([
    conditions,
    { patchedstatus: 'true' },
  ]);
  patched.status.conditions.push(condition('Another'));
  expect((await ok('PUT', at, patched)).status.conditions).toHaveLength(2);
  expect((await ok('GET', at)).status.conditions).toHaveLength(2);
});

test('CronJob should support CronJob API operations', async () => {
  const jobTemplate = { spec: { template: { spec: { ...template.spec, restartPolicy: 'OnFailure' } } } };
  const spec = { schedule: '* */1 * * ?', concurrencyPolicy: 'Allow', jobTemplate };
  await ok('POST', `${BATCH}/cronjobs`, { metadata: { name: 'cron' }, spec });
  const at = `${BATCH}/cronjobs/cron/status`;
  const time = '2026-01-01T00:00:00Z';
  const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { lastScheduleTime: time } };
  const patched = await ok('PATCH', at, patch, MERGE);
  expect([patched.status.lastScheduleTime, patched.metadata.annotations]).toEqual([
    time,
    { patchedstatus: 'true' },
  ]);
  patched.status.lastScheduleTime = '2026-01-02T00:00:00Z';
  expect((await ok('PUT', at, patched)).status.lastScheduleTime).toBe('2026-01-02T00:00:00Z');
});

test('DisruptionController should update/patch PodDisruptionBudget status', async () => {
  const path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const spec = { minAvailable: 1, selector: { matchLabels: labels } };
  const made = await ok('POST', path, { metadata: { name: 'foo' }, spec });
  const time = '2026-01-01T00:00:00Z';
  made.status = { ...made.status, disruptedPods: { one: time } };
  const updated = await ok('PUT', `${path}/foo/status`, made);
  expect(updated.status.disruptedPods).toEqual({ one: time });
  const old = { metadata: updated.metadata, status: { disruptedPods: { two: time } } };
  const patched = await ok('PATCH', `${path}/foo/status`, old, MERGE);
  expect(patched.status.disruptedPods).toEqual({ one: time, two: time });
  const spec2 = await ok('PATCH', `${path}/foo`, { spec: { minAvailable: '50%' } }, MERGE);
  expect([spec2.spec.minAvailable, spec2.status.disruptedPods]).toEqual(['50%', { one: time, two: time }]);
});

test('ControllerRevision should manage the lifecycle of a ControllerRevision', async () => {
  const path = `${APPS}/controllerrevisions`;
  const made = await ok('POST', path, {
    metadata: { name: 'r', labels },
    data: { spec: { a: 1 } },
    revision: 1,
  });
  expect(made.data).toEqual({ spec: { a: 1 } });
  made.data = { spec: { a: 2 } };
  const { status, body } = await send('PUT', `${path}/r`, made);
  expect([status, body.details.causes[0].field]).toEqual([422, 'data']);
  await ok('PATCH', `${path}/r`, { metadata: { labels: { r: 'patched' } } }, STRATEGIC);
  const next = await ok('GET', `${path}/r`);
  expect((await ok('PUT', `${path}/r`, { ...next, revision: 3 })).revision).toBe(3);
});

test('PriorityClass endpoints: a value may not be changed', async () => {
  const path = '/apis/scheduling.k8s.io/v1/priorityclasses';
  await ok('POST', path, { metadata: { name: 'p1' }, value: 1 });
  const { body } = await send('PATCH', `${path}/p1`, { value: 2 }, MERGE);
  expect(body.message).toContain('value: Forbidden: may not be changed in an update.');
  const changed = await ok('PATCH', `${path}/p1`, { description: 'updated description' }, MERGE);
  expect([changed.description, changed.value]).toEqual(['updated description', 1]);
});

test('ResourceQuota should apply changes to a resourcequota status', async () => {
  const path = `${CORE}/resourcequotas`;
  const made = await ok('POST', path, {
    metadata: { name: 'quota' },
    spec: { hard: { cpu: '500m', memory: '500Mi' } },
  });
  const from = made.metadata.resourceVersion;
  const hard = { cpu: '1', memory: '2Gi' };
  const patch = { metadata: { annotations: { patchedstatus: 'true' } }, status: { hard } };
  const patched = await ok('PATCH', `${path}/quota/status`, patch, MERGE);
  expect([patched.status.hard, patched.metadata.annotations]).toEqual([hard, { patchedstatus: 'true' }]);
  expect(
    await watch(`${path}?watch=1&fieldSelector=metadata.name%3Dquota&resourceVersion=${from}`, 1),
  ).toEqual(['MODIFIED']);
  await ok('DELETE', `${path}/quota`);
});

test.each(['configmaps', 'secrets'])('%s should be immutable if `immutable` field is set', async (kind) => {
  const path = `${CORE}/${kind}`;
  const data = { key: 'dmFsdWU=' };
  const made = await ok('POST', path, { metadata: { name: 'fixed' }, data });
  // Marked only then: until that it may change.
  made.data.key2 = 'dmFsdWU=';
  const frozen = await ok('PUT', `${path}/fixed`, { ...made, immutable: true });
  for (const change of [{ data }, { immutable: false }]) {
    const { status } = await send('PUT', `${path}/fixed`, { ...frozen, ...change });
    expect(status).toBe(422);
  }
  await ok('PATCH', `${path}/fixed`, { metadata: { labels } }, MERGE);
  const { status } = await send('POST', path, { metadata: { name: 'nameless' }, data: { '': 'dmFsdWU=' } });
  expect(status).toBe(422);
});

test('Sysctls should reject invalid sysctls', async () => {
  const sysctls = ['foo-', 'kernel.shmmax', 'safe-and-unsafe', 'bar..'].map((name) => ({
    name,
    value: 'bar',
  }));
  const spec = { securityContext: { sysctls }, containers: [{ name: 'a', image: 'i' }] };
  const { status, body } = await send('POST', `${CORE}/pods`, { metadata: { name: 'sysctl' }, spec });
  expect(status).toBe(422);
  for (const bad of ['Invalid value: "foo-"', 'Invalid value: "bar.."']) expect(body.message).toContain(bad);
  for (const good of ['safe-and-unsafe', 'kernel.shmmax']) expect(body.message).not.toContain(good);
});

test('CSIInlineVolumes should support CSIVolumeSource in Pod API', async () => {
  const csi = {
    driver: 'e2e.csi.example.com',
    nodePublishSecretRef: { name: 'secret' },
    volumeAttributes: { a: 'b' },
  };
  const spec = { volumes: [{ name: 'v', csi }], containers: [{ name: 'a', image: 'i' }] };
  const made = await ok('POST', `${CORE}/pods`, { metadata: { name: 'inline' }, spec });
  expect(made.spec.volumes.find(({ name }: Json) => name === 'v').csi).toEqual(csi);
  await ok('PATCH', `${CORE}/pods/inline`, { metadata: { labels: { patched: 'true' } } }, STRATEGIC);
  await ok('DELETE', `${CORE}/pods/inline`, { gracePeriodSeconds: 0 });
});

test('VolumeAttachment should apply changes to a volumeattachment status', async () => {
  const path = '/apis/storage.k8s.io/v1/volumeattachments';
  const spec = { attacher: 'a.example.com', nodeName: 'n', source: { persistentVolumeName: 'pv' } };
  await ok('POST', path, { metadata: { name: 'va' }, spec });
  const operations = [{ op: 'replace', path: '/status/attached', value: true }];
  expect((await ok('PATCH', `${path}/va/status`, operations, JSON_PATCH)).status.attached).toBe(true);
  const read = await ok('GET', `${path}/va/status`);
  read.status.attached = false;
  expect((await ok('PUT', `${path}/va/status`, read)).status.attached).toBe(false);
});

test('CSIStorageCapacity and StorageClass: what upstream changes and may not change', async () => {
  const capacities = '/apis/storage.k8s.io/v1/namespaces/default/csistoragecapacities';
  await ok('POST', capacities, { metadata: { name: 'c' }, storageClassName: 'fast', capacity: '1Gi' });
  const { body } = await send('PATCH', `${capacities}/c`, { storageClassName: 'slow' }, MERGE);
  expect(body.message).toContain('storageClassName: Invalid value: "slow": field is immutable');
  const classes = '/apis/storage.k8s.io/v1/storageclasses';
  await ok('POST', classes, { metadata: { name: 's', labels }, provisioner: 'p.example.com' });
  const changed = await ok('PATCH', `${classes}/s`, { metadata: { labels: { s: 'patched' } } }, STRATEGIC);
  expect(changed).toMatchObject({ reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' });
});
