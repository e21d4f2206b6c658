import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Client,
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  DEPLOYMENTS,
  JOBS,
  NAMESPACES,
  NODES,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  type ResourceRef,
  SERVICE_ACCOUNTS,
  STATEFUL_SETS,
} from '../../src/client/index.ts';
import type { appsv1, batchv1, corev1, KubeObject, policyv1 } from '../../src/kube/index.ts';
import { addNode, bootControlPlane, type ControlPlane, until as untilSeen } from './control-plane-fixture.ts';
import { ended, type PlayedNode, playNode, running } from './played-node.ts';

// What the tests of upstream's test/e2e/apps ask of controllers; the test plays the nodes. Their titles are upstream's.

let controlPlane: ControlPlane;
let client: Client;
let node: PlayedNode;
/** How pods of these labels `run` end. */
const ends = new Map<string, (pod: corev1.Pod) => object>();

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
  await addNode(client, 'node-1', '192.0.2.1');
  await addNode(client, 'node-2', '192.0.2.2');
  node = playNode(client, (pod) => ends.get(pod.metadata.labels?.run ?? '')?.(pod));
});

afterAll(async () => {
  await node.stop();
  await controlPlane.stop();
});

async function makeNamespace(name: string): Promise<string> {
  await client.resource<corev1.Namespace>(NAMESPACES).create({ metadata: { name }, spec: {} });
  await untilSeen(client, SERVICE_ACCOUNTS, name, ({ length }) => length > 0 && true);
  return name;
}

/** Waits until the object is as `look` wants it. */
function until<T extends KubeObject>(
  resource: ResourceRef,
  { namespace, name }: { namespace: string; name: string },
  look: (object: T) => boolean,
): Promise<T> {
  return untilSeen<T, T>(client, resource, namespace, (all) =>
    all.find((one) => one.metadata.name === name && look(one)),
  );
}

function spec(name: string, more: object = {}, image = 'app:1') {
  const labels = { run: name };
  return {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'app', image }], ...more } },
  };
}

type Conditioned = KubeObject & {
  status?: { conditions?: { type: string; status: string; reason?: string }[] };
};

const has =
  (type: string, status = 'True', reason?: string) =>
  (object: Conditioned) =>
    (object.status?.conditions ?? []).some(
      (one) => one.type === type && one.status === status && (reason === undefined || one.reason === reason),
    );

describe('status endpoints: a condition of somebody else stays beside those of the controller', () => {
  const kinds: [ResourceRef, object][] = [
    [DEPLOYMENTS, { replicas: 1, ...spec('status') }],
    [REPLICA_SETS, { replicas: 1, ...spec('status') }],
    [
      REPLICATION_CONTROLLERS,
      { replicas: 1, selector: { run: 'status' }, template: spec('status').template },
    ],
    [STATEFUL_SETS, { replicas: 1, serviceName: 'x', ...spec('status') }],
    [DAEMON_SETS, spec('status')],
    [JOBS, { template: spec('status', { restartPolicy: 'Never' }).template, completions: 4, parallelism: 2 }],
    [POD_DISRUPTION_BUDGETS, { minAvailable: 1, selector: { matchLabels: { run: 'status' } } }],
  ];
  test.each(kinds.map(([resource, body]) => [resource.kind, resource, body] as const))(
    '%s',
    async (kind, resource, body) => {
      const namespace = await makeNamespace(`status-${kind.toLowerCase()}`);
      const objects = client.resource<Conditioned>(resource);
      await objects.create({ metadata: { name: 'one', namespace }, spec: body } as never);
      const at = { namespace, name: 'one' };
      const settled = await until<Conditioned>(
        resource,
        at,
        ({ status }) => Object.keys(status ?? {}).length > 1,
      );
      const condition = {
        type: 'StatusUpdate',
        status: 'True',
        reason: 'E2E',
        message: 'Set from an e2e test',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const conditions = [...(settled.status!.conditions ?? []), condition];
      const patched = await objects.patch(
        'one',
        {
          type: 'merge',
          body: { metadata: { annotations: { patchedstatus: 'true' } }, status: { conditions } },
        },
        { namespace, subresource: 'status' },
      );
      expect(patched.metadata.annotations).toMatchObject({ patchedstatus: 'true' });
      // Whatever makes the controller write its status again leaves it.
      await objects.patch('one', { type: 'merge', body: { spec: { ...touch(kind) } } }, { namespace });
      const later = await until<Conditioned & { status?: { observedGeneration?: number } }>(
        resource,
        at,
        (one) => kind === 'Job' || (one.status?.observedGeneration ?? 0) >= 2,
      );
      expect(has('StatusUpdate')(later)).toBe(true);
    },
  );

  function touch(kind: string): object {
    if (kind === 'DaemonSet') return { minReadySeconds: 1 };
    if (kind === 'PodDisruptionBudget') return { minAvailable: 0 };
    return kind === 'Job' ? { parallelism: 1 } : { replicas: 2 };
  }
});

describe('ReplicationController', () => {
  test('should surface a failure condition on a common issue like exceeded quota', async () => {
    const namespace = await makeNamespace('rc-quota');
    await client
      .resource({ ...PODS, resource: 'resourcequotas', kind: 'ResourceQuota' })
      .create({ metadata: { name: 'condition-test', namespace }, spec: { hard: { pods: '2' } } } as never);
    const body = { replicas: 3, selector: { run: 'rc' }, template: spec('rc').template };
    const controllers = client.resource<Conditioned>(REPLICATION_CONTROLLERS);
    const at = { namespace, name: 'condition-test' };
    await controllers.create({ metadata: at, spec: body } as never);
    await until(REPLICATION_CONTROLLERS, at, has('ReplicaFailure', 'True', 'FailedCreate'));
    await controllers.patch(at.name, { type: 'merge', body: { spec: { replicas: 2 } } }, { namespace });
    await until(REPLICATION_CONTROLLERS, at, (one) => !has('ReplicaFailure')(one));
  });
});

describe('Deployment', () => {
  test('should support rollover, and proportional scaling', async () => {
    const namespace = await makeNamespace('rollover');
    const at = { namespace, name: 'web' };
    const deployments = client.resource<appsv1.Deployment>(DEPLOYMENTS);
    const strategy = { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } };
    await deployments.create({ metadata: at, spec: { replicas: 10, strategy, ...spec('web') } } as never);
    await until<appsv1.Deployment>(DEPLOYMENTS, at, ({ status }) => status?.availableReplicas === 10);
    // An image that never starts keeps the rollout where surge and unavailability let it be.
    ends.set('web', (pod) => (pod.spec.containers[0]!.image === '404' ? { phase: 'Pending' } : running()));
    const image = { spec: { template: { spec: { containers: [{ name: 'app', image: '404' }] } } } };
    await deployments.patch('web', { type: 'strategic', body: image }, { namespace });
    const sizes = (wanted: number[]) =>
      untilSeen<appsv1.ReplicaSet, true>(
        client,
        REPLICA_SETS,
        namespace,
        (all) =>
          all
            .map((one) => one.spec.replicas ?? 0)
            .sort((a, b) => b - a)
            .join() === wanted.join() && true,
      );
    await sizes([8, 5]);
    await deployments.patch('web', { type: 'merge', body: { spec: { replicas: 30 } } }, { namespace });
    await sizes([20, 13]);
  }, 30_000);

  test('ProgressDeadlineExceeded, and the condition goes with progress', async () => {
    const namespace = await makeNamespace('deadline');
    const at = { namespace, name: 'stuck' };
    ends.set('stuck', () => ({ phase: 'Pending' }));
    const deployments = client.resource<appsv1.Deployment>(DEPLOYMENTS);
    await deployments.create({
      metadata: at,
      spec: { replicas: 1, progressDeadlineSeconds: 1, ...spec('stuck') },
    } as never);
    await until(DEPLOYMENTS, at, has('Progressing', 'False', 'ProgressDeadlineExceeded'));
    ends.delete('stuck');
    const image = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } } };
    await deployments.patch('stuck', { type: 'strategic', body: image }, { namespace });
    await until(DEPLOYMENTS, at, has('Progressing', 'True', 'NewReplicaSetAvailable'));
  });
});

describe('StatefulSet', () => {
  test('should perform canary updates and phased rolling updates of template modifications', async () => {
    const namespace = await makeNamespace('canary');
    const at = { namespace, name: 'ss2' };
    const sets = client.resource<appsv1.StatefulSet>(STATEFUL_SETS);
    const partitioned = (partition: number) => ({ type: 'RollingUpdate', rollingUpdate: { partition } });
    await sets.create({
      metadata: at,
      spec: { replicas: 3, serviceName: 'test', updateStrategy: partitioned(3), ...spec('ss2') },
    } as never);
    const first = await until<appsv1.StatefulSet>(
      STATEFUL_SETS,
      at,
      ({ status }) => status?.readyReplicas === 3,
    );
    const current = first.status!.currentRevision!;
    expect(first.status!.updateRevision).toBe(current);
    const image = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:2' }] } } } };
    await sets.patch('ss2', { type: 'strategic', body: image }, { namespace });
    const changed = await until<appsv1.StatefulSet>(
      STATEFUL_SETS,
      at,
      ({ status }) => status?.updateRevision !== current,
    );
    const update = changed.status!.updateRevision!;
    expect(changed.status!.currentRevision).toBe(current);
    const revisions = (wanted: string[]) =>
      untilSeen<corev1.Pod, corev1.Pod[]>(client, PODS, namespace, (pods) => {
        const sorted = pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
        const now = sorted.map(({ metadata }) => metadata.labels!['controller-revision-hash']);
        const whole = sorted.every(({ metadata, status }) => !metadata.deletionTimestamp && status?.podIP);
        return whole && now.join() === wanted.join() && sorted;
      });
    await revisions([current, current, current]);
    await sets.patch(
      'ss2',
      { type: 'merge', body: { spec: { updateStrategy: partitioned(2) } } },
      { namespace },
    );
    await revisions([current, current, update]);
    // Restoring Pods to the correct revision when they are deleted.
    for (const name of ['ss2-0', 'ss2-2']) await client.resource(PODS).delete(name, { namespace });
    const after = await revisions([current, current, update]);
    expect(after.map(({ spec: { containers } }) => containers[0]!.image)).toEqual([
      'app:1',
      'app:1',
      'app:2',
    ]);
    for (const partition of [1, 0])
      await sets.patch(
        'ss2',
        { type: 'merge', body: { spec: { updateStrategy: partitioned(partition) } } },
        { namespace },
      );
    await revisions([update, update, update]);
    await until<appsv1.StatefulSet>(
      STATEFUL_SETS,
      at,
      ({ status }) => status?.currentRevision === update && status.updateRevision === update,
    );
    // Roll back: the revision of before comes again.
    const back = { spec: { template: { spec: { containers: [{ name: 'app', image: 'app:1' }] } } } };
    await sets.patch('ss2', { type: 'strategic', body: back }, { namespace });
    await revisions([current, current, current]);
    const all = await client.resource<appsv1.ControllerRevision>(CONTROLLER_REVISIONS).list({ namespace });
    expect(all.items.map(({ revision }) => revision).sort()).toEqual([2, 3]);
  }, 40_000);

  test('Should recreate evicted statefulset, and number from a start', async () => {
    const namespace = await makeNamespace('ordinals');
    const at = { namespace, name: 'from' };
    await client.resource<appsv1.StatefulSet>(STATEFUL_SETS).create({
      metadata: at,
      spec: { replicas: 2, serviceName: 'test', ordinals: { start: 4 }, ...spec('from') },
    } as never);
    await until<appsv1.StatefulSet>(STATEFUL_SETS, at, ({ status }) => status?.readyReplicas === 2);
    const pods = client.resource<corev1.Pod>(PODS);
    const names = (await pods.list({ namespace })).items.map(({ metadata }) => metadata.name);
    expect(names.sort()).toEqual(['from-4', 'from-5']);
    const { uid } = (await pods.get('from-4', namespace)).metadata;
    const failed = { type: 'merge', body: { status: { phase: 'Failed', reason: 'Evicted' } } } as const;
    await pods.patch('from-4', failed, { namespace, subresource: 'status' });
    await until<corev1.Pod>(
      PODS,
      { namespace, name: 'from-4' },
      ({ metadata, status }) => metadata.uid !== uid && status?.phase === 'Running',
    );
  });
});

describe('DaemonSet', () => {
  const ready = (count: number) => (set: appsv1.DaemonSet) => set.status?.numberReady === count;

  test('should retry creating failed daemon pods, and rollback without unnecessary restarts', async () => {
    const namespace = await makeNamespace('daemons');
    const at = { namespace, name: 'd' };
    const sets = client.resource<appsv1.DaemonSet>(DAEMON_SETS);
    const pods = client.resource<corev1.Pod>(PODS);
    await sets.create({ metadata: at, spec: spec('d') } as never);
    await until(DAEMON_SETS, at, ready(2));
    const [victim] = (await pods.list({ namespace })).items;
    await pods.patch(
      victim!.metadata.name,
      { type: 'merge', body: { status: { phase: 'Failed' } } },
      { namespace, subresource: 'status' },
    );
    const two = await untilSeen<corev1.Pod, corev1.Pod[]>(
      client,
      PODS,
      namespace,
      (all) =>
        all.length === 2 &&
        all.every(({ metadata, status }) => metadata.uid !== victim!.metadata.uid && status?.podIP) &&
        all,
    );
    // A bad image stops the update after the first pod; undoing it touches that one alone.
    ends.set('d', (pod) => (pod.spec.containers[0]!.image === 'foo:bad' ? { phase: 'Pending' } : running()));
    const image = (name: string) => ({
      spec: { template: { spec: { containers: [{ name: 'app', image: name }] } } },
    });
    await sets.patch('d', { type: 'strategic', body: image('foo:bad') }, { namespace });
    const mixed = await untilSeen<corev1.Pod, corev1.Pod[]>(client, PODS, namespace, (all) => {
      const bad = all.filter(({ spec: one }) => one.containers[0]!.image === 'foo:bad');
      return bad.length === 1 && all.length === 2 && all;
    });
    const kept = mixed.find((one) => two.some(({ metadata }) => metadata.uid === one.metadata.uid))!;
    await sets.patch('d', { type: 'strategic', body: image('app:1') }, { namespace });
    await untilSeen<corev1.Pod, true>(
      client,
      PODS,
      namespace,
      (all) =>
        all.length === 2 &&
        all.every((one) => one.spec.containers[0]!.image === 'app:1' && one.status?.podIP) &&
        all.some(({ metadata }) => metadata.uid === kept.metadata.uid) &&
        true,
    );
  }, 30_000);
});

describe('Job', () => {
  const jobs = () => client.resource<batchv1.Job>(JOBS);
  const make = (namespace: string, name: string, more: object) =>
    jobs().create({
      metadata: { name, namespace },
      spec: { template: spec(name, { restartPolicy: 'Never' }).template, ...more },
    } as never);
  const indexOf = ({ metadata }: corev1.Pod) =>
    Number(metadata.annotations!['batch.kubernetes.io/job-completion-index']);
  let namespace: string;

  beforeAll(async () => {
    namespace = await makeNamespace('upstream-jobs');
  });

  test('should execute all indexes despite some failing when using backoffLimitPerIndex', async () => {
    ends.set('per-index', (pod) => ended(pod, indexOf(pod) % 2 === 0 ? 0 : 1));
    const name = 'per-index';
    await make(namespace, name, {
      completions: 4,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
    });
    const job = await until<batchv1.Job>(JOBS, { namespace, name }, has('Failed', 'True', 'FailedIndexes'));
    expect(job.status).toMatchObject({
      completedIndexes: '0,2',
      failedIndexes: '1,3',
      succeeded: 2,
      failed: 2,
    });
    expect(has('FailureTarget')(job)).toBe(true);
  });

  test('should terminate job execution when the number of failed indexes exceeds maxFailedIndexes', async () => {
    ends.set('too-many', (pod) => ended(pod, 1));
    const name = 'too-many';
    await make(namespace, name, {
      completions: 10,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 0,
      maxFailedIndexes: 2,
    });
    await until<batchv1.Job>(JOBS, { namespace, name }, has('Failed', 'True', 'MaxFailedIndexesExceeded'));
  });

  test('should mark indexes as failed when the FailIndex action is matched in podFailurePolicy', async () => {
    ends.set('fail-index', (pod) => ended(pod, indexOf(pod) === 0 ? 42 : 0));
    const name = 'fail-index';
    await make(namespace, name, {
      completions: 2,
      parallelism: 2,
      completionMode: 'Indexed',
      backoffLimitPerIndex: 1,
      podFailurePolicy: { rules: [{ action: 'FailIndex', onExitCodes: { operator: 'In', values: [42] } }] },
    });
    const job = await until<batchv1.Job>(JOBS, { namespace, name }, has('Failed', 'True', 'FailedIndexes'));
    expect(job.status).toMatchObject({ failedIndexes: '0', completedIndexes: '1', failed: 1 });
  });

  test('with successPolicy succeededIndexes rule should succeeded even when some indexes remain pending', async () => {
    ends.set('success', (pod) => (indexOf(pod) === 0 ? ended(pod, 0) : running()));
    const name = 'success';
    await make(namespace, name, {
      completions: 3,
      parallelism: 3,
      completionMode: 'Indexed',
      successPolicy: { rules: [{ succeededIndexes: '0' }] },
    });
    const job = await until<batchv1.Job>(JOBS, { namespace, name }, has('Complete', 'True', 'SuccessPolicy'));
    expect(has('SuccessCriteriaMet', 'True', 'SuccessPolicy')(job)).toBe(true);
    expect(job.status).toMatchObject({ completedIndexes: '0', succeeded: 1, terminating: 0 });
    expect(job.status!.active).toBeUndefined();
  });

  test('should adopt matching orphans and release non-matching pods', async () => {
    const name = 'adopt-release';
    const job = await make(namespace, name, { completions: 2, parallelism: 1 });
    const own = (pod: corev1.Pod) => pod.metadata.ownerReferences?.[0]?.uid === job.metadata.uid;
    const pod = await untilSeen<corev1.Pod, corev1.Pod>(client, PODS, namespace, (all) =>
      all.find((one) => own(one) && one.status?.phase === 'Running'),
    );
    const pods = client.resource<corev1.Pod>(PODS);
    const at = { namespace, name: pod.metadata.name };
    // Upstream takes the owners away by an update, then the labels.
    await pods.patch(
      at.name,
      { type: 'merge', body: { metadata: { ownerReferences: null } } },
      { namespace },
    );
    await until<corev1.Pod>(PODS, at, own);
    await pods.patch(at.name, { type: 'merge', body: { metadata: { labels: null } } }, { namespace });
    await until<corev1.Pod>(PODS, at, ({ metadata }) => metadata.ownerReferences === undefined);
    await jobs().delete(name, { namespace, propagationPolicy: 'Background' });
  });

  test('should allow to delegate reconciliation to external controller', async () => {
    const name = 'managed-by';
    await make(namespace, name, { managedBy: 'k8s.io/job-controller-other' });
    const marker = 'not-managed-by';
    ends.set(marker, (pod) => ended(pod, 0));
    await make(namespace, marker, {});
    await until<batchv1.Job>(JOBS, { namespace, name: marker }, has('Complete'));
    expect((await jobs().get(name, namespace)).status).toEqual({});
  });
});

describe('DisruptionController', () => {
  test('should block an eviction until the PDB is updated to allow it', async () => {
    const namespace = await makeNamespace('evictions');
    const at = { namespace, name: 'foo' };
    const budgets = client.resource<policyv1.PodDisruptionBudget>(POD_DISRUPTION_BUDGETS);
    const pods = client.resource<corev1.Pod>(PODS);
    const labels = { foo: 'bar' };
    for (const name of ['a', 'b', 'c'])
      await pods.create({
        metadata: { name, namespace, labels },
        spec: { containers: [{ name: 'x', image: 'x' }] },
      } as never);
    await budgets.create({
      metadata: at,
      spec: { minAvailable: 3, selector: { matchLabels: labels } },
    } as never);
    await until<policyv1.PodDisruptionBudget>(
      POD_DISRUPTION_BUDGETS,
      at,
      ({ status }) => status?.currentHealthy === 3 && status.observedGeneration === 1,
    );
    const evict = () =>
      pods.createSubresource(
        'a',
        'eviction',
        { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'a', namespace } },
        namespace,
      );
    await expect(evict()).rejects.toMatchObject({
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
    });
    await budgets.patch('foo', { type: 'merge', body: { spec: { minAvailable: 2 } } }, { namespace });
    await until<policyv1.PodDisruptionBudget>(
      POD_DISRUPTION_BUDGETS,
      at,
      ({ status }) => status?.disruptionsAllowed === 1,
    );
    await evict();
  });
});

test('a pod that fits nowhere has the condition PodScheduled alone, of its generation, also when it is bound', async () => {
  const namespace = await makeNamespace('out-of-cpu');
  const at = { namespace, name: 'pod-out-of-cpu' };
  const resources = { requests: { cpu: '1000000000000' } };
  const pods = client.resource<corev1.Pod>(PODS);
  const body = { containers: [{ name: 'x', image: 'x', resources }] };
  await pods.create({ metadata: at, spec: body } as never);
  const { status } = await until<corev1.Pod>(
    PODS,
    at,
    has('PodScheduled', 'False', 'Unschedulable') as never,
  );
  expect(status!.conditions).toMatchObject([{ type: 'PodScheduled', observedGeneration: 1 }]);
  const target = { kind: 'Node', name: 'node-1' };
  await pods.createSubresource(
    at.name,
    'binding',
    { apiVersion: 'v1', kind: 'Binding', metadata: at, target },
    namespace,
  );
  const bound = await until<corev1.Pod>(PODS, at, has('PodScheduled') as never);
  expect(bound.status!.conditions!.find(({ type }) => type === 'PodScheduled')).toMatchObject({
    observedGeneration: 1,
  });
});

describe('NoExecuteTaintManager', () => {
  const nodes = () => client.resource<corev1.Node>(NODES);
  const taint = (taints: object[]) => nodes().patch('node-2', { type: 'merge', body: { spec: { taints } } });
  const evict = { key: 'kubernetes.io/e2e-evict-taint-key', value: 'evictTaintVal', effect: 'NoExecute' };
  const tolerating = (namespace: string, name: string, tolerationSeconds: number) =>
    client.resource<corev1.Pod>(PODS).create({
      metadata: { name, namespace },
      spec: {
        nodeName: 'node-2',
        containers: [{ name: 'x', image: 'x' }],
        tolerations: [
          { key: evict.key, operator: 'Equal', value: evict.value, effect: 'NoExecute', tolerationSeconds },
        ],
      },
    } as never);

  test('evicts pods with minTolerationSeconds, and removing taint cancels eviction', async () => {
    const namespace = await makeNamespace('taints');
    await tolerating(namespace, 'soon', 1);
    await tolerating(namespace, 'later', 3);
    // As kubectl writes it: without the time.
    await taint([evict]);
    await untilSeen<corev1.Pod, true>(
      client,
      PODS,
      namespace,
      (all) => all.map(({ metadata }) => metadata.name).join() === 'later' && true,
    );
    await taint([]);
    await tolerating(namespace, 'sooner', 1);
    await taint([{ ...evict, key: 'other', effect: 'PreferNoSchedule' }, evict]);
    await untilSeen<corev1.Pod, true>(
      client,
      PODS,
      namespace,
      (all) => all.map(({ metadata }) => metadata.name).join() === 'later' && true,
    );
    await taint([]);
  });
});
