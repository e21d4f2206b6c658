import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OrreryError } from '../../src/base/index.ts';
import {
  type Client,
  CRON_JOBS,
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  NAMESPACES,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICATION_CONTROLLERS,
  type ResourceRef,
  SERVICE_ACCOUNTS,
  STATEFUL_SETS,
} from '../../src/client/index.ts';
import type { appsv1, autoscalingv1, batchv1, corev1, KubeObject, policyv1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until as untilSeen } from './control-plane-fixture.ts';
import { ended, type PlayedNode, playNode } from './played-node.ts';

/** The test plays the node: pods named in `fails` end badly, those of Jobs well, all others run on. */
let controlPlane: ControlPlane;
let client: Client;
let node: PlayedNode;
const fails = new Set<string>();

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
  await addNode(client, 'node-1', '192.0.2.1');
  node = playNode(client, statusOf);
});

afterAll(async () => {
  await node.stop();
  await controlPlane.stop();
});

function until<T extends KubeObject, R>(
  resource: ResourceRef,
  namespace: string,
  look: (objects: T[]) => R | undefined | false,
): Promise<R> {
  return untilSeen<T, R>(client, resource, namespace, look);
}

/** Undefined: it runs on. */
function statusOf(pod: corev1.Pod): object | undefined {
  const isJob = pod.metadata.ownerReferences?.[0]?.kind === 'Job';
  if (!isJob || pod.spec.containers[0]!.image === 'forever:1') return undefined;
  return ended(pod, [...fails].some((prefix) => pod.metadata.name.startsWith(prefix)) ? 3 : 0);
}

async function makeNamespace(name: string): Promise<string> {
  await client.resource<corev1.Namespace>(NAMESPACES).create({ metadata: { name }, spec: {} });
  await until<corev1.ServiceAccount, true>(SERVICE_ACCOUNTS, name, (accounts) => accounts.length > 0 && true);
  return name;
}

const labels = { app: 'web' };

function template(extra: object = {}, image = 'app:1'): corev1.PodTemplateSpec {
  return {
    metadata: { labels },
    spec: { containers: [{ name: 'app', image }], ...extra },
  } as unknown as corev1.PodTemplateSpec;
}

describe('Jobs', () => {
  const jobs = () => client.resource<batchv1.Job>(JOBS);
  const make = (namespace: string, name: string, spec: Partial<batchv1.JobSpec>) =>
    jobs().create({
      metadata: { name, namespace },
      spec: { template: template({ restartPolicy: 'Never' }), ...spec } as batchv1.JobSpec,
    });
  const ended = (namespace: string, name: string, type: string) =>
    until<batchv1.Job, batchv1.Job>(JOBS, namespace, (all) =>
      all.find(
        (job) =>
          job.metadata.name === name &&
          job.status?.conditions?.some((one) => one.type === type && one.status === 'True'),
      ),
    );

  test('run their pods to completion and count each once', async () => {
    const namespace = await makeNamespace('jobs');
    await make(namespace, 'three', { completions: 3, parallelism: 2 });
    const job = await ended(namespace, 'three', 'Complete');
    expect(job.status).toMatchObject({ succeeded: 3, ready: 0 });
    expect(job.status!.conditions!.map(({ type }) => type)).toEqual(['SuccessCriteriaMet', 'Complete']);
    expect(job.status!.completionTime).toBeDefined();
    expect(job.spec.selector!.matchLabels).toEqual({
      'batch.kubernetes.io/controller-uid': job.metadata.uid,
    });
    await until<corev1.Pod, true>(
      PODS,
      namespace,
      (pods) => pods.length === 3 && pods.every(({ metadata }) => !metadata.finalizers?.length),
    );
  });

  test('leave no pod behind when they are deleted and made anew', async () => {
    const namespace = await makeNamespace('again');
    const running = { template: template({ restartPolicy: 'Never' }, 'forever:1') };
    const first = await make(namespace, 'same', running);
    await until<corev1.Pod, true>(PODS, namespace, ([pod]) => pod?.status?.phase === 'Running');
    await jobs().delete('same', { namespace, propagationPolicy: 'Background' });
    const second = await make(namespace, 'same', running);
    await until<corev1.Pod, true>(
      PODS,
      namespace,
      (pods) =>
        pods.length > 0 &&
        pods.every(({ metadata }) => metadata.ownerReferences![0]!.uid === second.metadata.uid),
    );
    expect(first.metadata.uid).not.toBe(second.metadata.uid);
  });

  test('with indexes give each pod its own', async () => {
    const namespace = await makeNamespace('indexed');
    await make(namespace, 'parts', { completions: 3, parallelism: 3, completionMode: 'Indexed' });
    const job = await ended(namespace, 'parts', 'Complete');
    expect(job.status).toMatchObject({ succeeded: 3, completedIndexes: '0-2' });
    const { items } = await client.resource<corev1.Pod>(PODS).list({ namespace });
    expect(items.map(({ spec }) => spec.hostname).sort()).toEqual(['parts-0', 'parts-1', 'parts-2']);
    expect(items[0]!.spec.containers[0]!.env![0]).toMatchObject({ name: 'JOB_COMPLETION_INDEX' });
  });

  test('fail when they may not try again, and when a policy says so', async () => {
    const namespace = await makeNamespace('failing');
    fails.add('bad-').add('policy-');
    await make(namespace, 'bad', { backoffLimit: 0 });
    const bad = await ended(namespace, 'bad', 'Failed');
    expect(bad.status).toMatchObject({ failed: 1 });
    expect(bad.status!.conditions!.find(({ type }) => type === 'Failed')).toMatchObject({
      reason: 'BackoffLimitExceeded',
      message: 'Job has reached the specified backoff limit',
    });
    const rules = [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [3] } }];
    await make(namespace, 'policy', { podFailurePolicy: { rules } });
    const policy = await ended(namespace, 'policy', 'Failed');
    expect(policy.status!.conditions!.find(({ type }) => type === 'Failed')!.reason).toBe('PodFailurePolicy');
  });

  test('stop while suspended, start again after, and go after their time', async () => {
    const namespace = await makeNamespace('suspended');
    const running = template({ restartPolicy: 'Never' }, 'forever:1');
    await make(namespace, 'later', { suspend: true });
    await ended(namespace, 'later', 'Suspended');
    await make(namespace, 'slow', {
      template: running,
      activeDeadlineSeconds: 1,
      ttlSecondsAfterFinished: 0,
    });
    await jobs().patch('later', { type: 'merge', body: { spec: { suspend: false } } }, { namespace });
    await ended(namespace, 'later', 'Complete');
    await until<batchv1.Job, true>(
      JOBS,
      namespace,
      (all) => all.every(({ metadata }) => metadata.name !== 'slow') && true,
    );
    await until<corev1.Pod, true>(PODS, namespace, (pods) => pods.length === 1 && true);
  });
});

test('a ReplicationController keeps its number of pods, and is scaled', async () => {
  const namespace = await makeNamespace('rc');
  const controllers = client.resource<corev1.ReplicationController>(REPLICATION_CONTROLLERS);
  await controllers.create({
    metadata: { name: 'web', namespace },
    spec: { replicas: 2, template: template() },
  });
  const ready = (count: number) =>
    until<corev1.ReplicationController, true>(
      REPLICATION_CONTROLLERS,
      namespace,
      ([one]) => one?.status?.readyReplicas === count && one.status.replicas === count,
    );
  await ready(2);
  await controllers.patch(
    'web',
    { type: 'merge', body: { spec: { replicas: 3 } } },
    { namespace, subresource: 'scale' },
  );
  await ready(3);
});

describe('a StatefulSet', () => {
  const sets = () => client.resource<appsv1.StatefulSet>(STATEFUL_SETS);
  const settled = (namespace: string, replicas: number) =>
    until<appsv1.StatefulSet, appsv1.StatefulSet>(
      STATEFUL_SETS,
      namespace,
      ([one]) =>
        one?.status?.observedGeneration === one?.metadata.generation &&
        one?.status?.readyReplicas === replicas &&
        one.status.updatedReplicas === replicas &&
        one.status.replicas === replicas &&
        one,
    );
  const make = (namespace: string, spec: Partial<appsv1.StatefulSetSpec>) =>
    sets().create({
      metadata: { name: 'db', namespace },
      spec: { replicas: 3, selector: { matchLabels: labels }, template: template(), ...spec },
    });

  test('has its pods one after the other, each with its claim, and changes them from the last', async () => {
    const namespace = await makeNamespace('stateful');
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    await make(namespace, {
      serviceName: 'db',
      volumeClaimTemplates: [
        { metadata: { name: 'data' } as corev1.PersistentVolumeClaim['metadata'], spec: claim },
      ],
    });
    const first = await settled(namespace, 3);
    const pods = client.resource<corev1.Pod>(PODS);
    const { items } = await pods.list({ namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['db-0', 'db-1', 'db-2']);
    const revisions = items.map(({ metadata }) => Number(metadata.resourceVersion));
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    expect(items[1]!.spec).toMatchObject({ hostname: 'db-1', subdomain: 'db' });
    const claims = await client
      .resource<corev1.PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS)
      .list({ namespace });
    expect(claims.items.map(({ metadata }) => metadata.name)).toEqual([
      'data-db-0',
      'data-db-1',
      'data-db-2',
    ]);
    const body = {
      spec: { template: template({}, 'app:2'), updateStrategy: { rollingUpdate: { partition: 2 } } },
    };
    await sets().patch('db', { type: 'merge', body }, { namespace });
    await until<corev1.Pod, true>(PODS, namespace, (all) =>
      all.some(
        ({ metadata, spec, status }) =>
          metadata.name === 'db-2' && spec.containers[0]!.image === 'app:2' && status?.phase === 'Running',
      ),
    );
    expect((await pods.get('db-1', namespace)).spec.containers[0]!.image).toBe('app:1');
    const whole = { spec: { updateStrategy: { rollingUpdate: { partition: 0 } } } };
    await sets().patch('db', { type: 'merge', body: whole }, { namespace });
    const last = await settled(namespace, 3);
    expect(last.status!.currentRevision).toBe(last.status!.updateRevision);
    expect(last.status!.currentRevision).not.toBe(first.status!.currentRevision);
    await sets().patch('db', { type: 'merge', body: { spec: { replicas: 1 } } }, { namespace });
    await settled(namespace, 1);
  });

  test('that is Parallel has all its pods at once', async () => {
    const namespace = await makeNamespace('parallel');
    await make(namespace, { podManagementPolicy: 'Parallel', ordinals: { start: 5 } });
    await settled(namespace, 3);
    const { items } = await client.resource<corev1.Pod>(PODS).list({ namespace });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['db-5', 'db-6', 'db-7']);
  });
});

test('a DaemonSet has a pod on each node it may be on, and changes them one by one', async () => {
  const namespace = await makeNamespace('daemons');
  await addNode(client, 'node-2', '192.0.2.2');
  await addNode(client, 'node-3', '192.0.2.3');
  const nodes = client.resource<corev1.Node>(NODES);
  const taints = [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }];
  await nodes.patch('node-3', { type: 'merge', body: { spec: { taints } } });
  const sets = client.resource<appsv1.DaemonSet>(DAEMON_SETS);
  await sets.create({
    metadata: { name: 'agent', namespace },
    spec: { selector: { matchLabels: labels }, template: template() },
  });
  const settled = (count: number) =>
    until<appsv1.DaemonSet, true>(
      DAEMON_SETS,
      namespace,
      ([one]) =>
        one?.status?.observedGeneration === one?.metadata.generation &&
        one?.status?.desiredNumberScheduled === count &&
        one.status.numberAvailable === count &&
        one.status.updatedNumberScheduled === count,
    );
  await settled(2);
  await nodes.patch('node-3', { type: 'merge', body: { spec: { taints: null } } });
  await settled(3);
  await sets.patch(
    'agent',
    { type: 'merge', body: { spec: { template: template({}, 'app:2') } } },
    { namespace },
  );
  await settled(3);
  const { items } = await client.resource<corev1.Pod>(PODS).list({ namespace });
  expect(items.map(({ spec }) => spec.nodeName).sort()).toEqual(['node-1', 'node-2', 'node-3']);
  expect(items.every(({ spec }) => spec.containers[0]!.image === 'app:2')).toBe(true);
});

test('a PodDisruptionBudget lets go what it allows, and refuses the rest', async () => {
  const namespace = await makeNamespace('budget');
  await client.resource<appsv1.Deployment>(DEPLOYMENTS).create({
    metadata: { name: 'web', namespace },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: template() },
  });
  const budgets = client.resource<policyv1.PodDisruptionBudget>(POD_DISRUPTION_BUDGETS);
  await budgets.create({
    metadata: { name: 'web', namespace },
    spec: { maxUnavailable: 0, selector: { matchLabels: labels } },
  });
  const allows = (count: number) =>
    until<policyv1.PodDisruptionBudget, true>(
      POD_DISRUPTION_BUDGETS,
      namespace,
      ([one]) =>
        one?.status?.observedGeneration === one?.metadata.generation &&
        one?.status?.currentHealthy === 3 &&
        one.status.expectedPods === 3 &&
        one.status.disruptionsAllowed === count,
    );
  await allows(0);
  const pods = client.resource<corev1.Pod>(PODS);
  const name = (await pods.list({ namespace })).items[0]!.metadata.name;
  const evict = () =>
    pods.createSubresource(
      name,
      'eviction',
      { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
      namespace,
    );
  const error = await evict().catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(OrreryError);
  expect(error).toMatchObject({
    code: 'TooManyRequests',
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        {
          reason: 'DisruptionBudget',
          message: 'The disruption budget web needs 3 healthy pods and has 3 currently',
        },
      ],
    },
  });
  await budgets.patch('web', { type: 'merge', body: { spec: { maxUnavailable: 1 } } }, { namespace });
  await allows(1);
  await evict();
  await until<corev1.Pod, true>(PODS, namespace, (all) =>
    all.every(({ metadata }) => metadata.name !== name),
  );
  await allows(1);
});

test('a CronJob makes the job whose time has come, once', async () => {
  const namespace = await makeNamespace('cron');
  const cronJobs = client.resource<batchv1.CronJob>(CRON_JOBS);
  const spec = { template: template({ restartPolicy: 'Never' }) } as batchv1.JobSpec;
  await cronJobs.create({
    metadata: { name: 'tick', namespace },
    spec: { schedule: '@every 1s', jobTemplate: { spec } as batchv1.JobTemplateSpec },
  });
  const done = await until<batchv1.CronJob, batchv1.CronJob>(
    CRON_JOBS,
    namespace,
    ([one]) => one?.status?.lastSuccessfulTime !== undefined && one,
  );
  expect(done.status!.lastScheduleTime).toBeDefined();
  const { items } = await client.resource<batchv1.Job>(JOBS).list({ namespace });
  expect(items[0]!.metadata.name).toMatch(/^tick-[0-9]+$/);
  expect(items[0]!.metadata.ownerReferences![0]).toMatchObject({ kind: 'CronJob', name: 'tick' });
  await cronJobs.patch('tick', { type: 'merge', body: { spec: { suspend: true } } }, { namespace });
});

test('an autoscaler answers in the version it is asked in, and is one object', async () => {
  const namespace = await makeNamespace('hpa');
  const of = (version: string) =>
    client.resource<autoscalingv1.HorizontalPodAutoscaler>({
      group: 'autoscaling',
      version,
      resource: 'horizontalpodautoscalers',
      namespaced: true,
      kind: 'HorizontalPodAutoscaler',
    });
  const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
  const spec = { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 40 };
  const made = await of('v1').create({ metadata: { name: 'web', namespace }, spec });
  expect(made).toMatchObject({ apiVersion: 'autoscaling/v1', spec });
  const grown = await of('v1').update({ ...made, spec: { ...made.spec, maxReplicas: 4 } });
  expect(grown).toMatchObject({ apiVersion: 'autoscaling/v1', spec: { maxReplicas: 4 } });
  expect(await of('v2').get('web', namespace)).toMatchObject({
    apiVersion: 'autoscaling/v2',
    spec: { maxReplicas: 4, metrics: [{ resource: { target: { averageUtilization: 40 } } }] },
  });
  const tried = await of('v1').create({ metadata: { name: 'dry', namespace }, spec }, { dryRun: true });
  expect(tried).toMatchObject({ apiVersion: 'autoscaling/v1', spec });
});
