import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pod, TestServer } from './api-server.test-support.ts';

let server: TestServer;
const PODS = '/api/v1/namespaces/default/pods';

beforeAll(async () => {
  server = await TestServer.start();
  await server.post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
});

afterAll(() => server.stop());

const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const strategic = { headers: { 'content-type': 'application/strategic-merge-patch+json' } };

function patch(name: string, subresource: string, body: unknown, how = strategic) {
  return server.send('PATCH', `${PODS}/${name}/${subresource}`, body, how);
}

describe('pods/ephemeralcontainers', () => {
  const debug = (container: object) =>
    patch('debugged', 'ephemeralcontainers', { spec: { ephemeralContainers: [container] } });

  test('adds a container to a pod that runs, with defaults, and counts as a change of the spec', async () => {
    const made = await server.post(PODS, pod('debugged'));
    expect(made.status).toBe(201);
    const added = await debug({ name: 'debugger', image: 'busybox', targetContainerName: 'main' });
    expect(added.body.message ?? '').toBe('');
    expect(added.status).toBe(200);
    expect(added.body.spec.ephemeralContainers).toEqual([
      expect.objectContaining({
        name: 'debugger',
        imagePullPolicy: 'Always',
        terminationMessagePath: '/dev/termination-log',
      }),
    ]);
    expect(added.body.metadata.generation).toBe(made.body.metadata.generation + 1);
    const { managedFields } = added.body.metadata;
    expect(managedFields.at(-1)).toMatchObject({ operation: 'Update', subresource: 'ephemeralcontainers' });
    expect((await server.get(`${PODS}/debugged/ephemeralcontainers`)).body.kind).toBe('Pod');
  });

  test('changes nothing else', async () => {
    const { body } = await server.get(`${PODS}/debugged`);
    const changed = {
      ...body,
      metadata: { ...body.metadata, labels: { other: 'yes' } },
      spec: { ...body.spec, containers: [{ ...body.spec.containers[0], image: 'other' }] },
    };
    const answer = await server.put(`${PODS}/debugged/ephemeralcontainers`, changed);
    expect(answer.status).toBe(200);
    expect(answer.body.spec.containers[0].image).toBe(body.spec.containers[0].image);
    expect(answer.body.metadata.labels).toEqual(body.metadata.labels);
  });

  test('neither changes nor removes what was added', async () => {
    expect((await debug({ name: 'debugger', image: 'other' })).body.message).toMatch(
      /existing ephemeral containers "debugger" may not be changed/,
    );
    const none = await patch(
      'debugged',
      'ephemeralcontainers',
      { spec: { ephemeralContainers: null } },
      merge,
    );
    expect(none.body.message).toMatch(/existing ephemeral containers "debugger" may not be removed/);
  });

  test('refuses what only other containers have, by its field', async () => {
    const { body } = await debug({
      name: 'main',
      image: 'i',
      targetContainerName: 'absent',
      ports: [{ containerPort: 80 }],
      resources: { limits: { cpu: '1' } },
    });
    const fields = body.details.causes.map(
      ({ field, message }: { field: string; message: string }) => `${field}: ${message}`,
    );
    // A strategic merge puts the new container first.
    expect(fields).toEqual([
      'spec.ephemeralContainers[0].name: Duplicate value: "main"',
      'spec.ephemeralContainers[0].targetContainerName: Not found: "absent"',
      'spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container',
      'spec.ephemeralContainers[0].resources: Forbidden: cannot be set for an Ephemeral Container',
    ]);
  });
});

describe('pods/resize', () => {
  const resources = { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '200m', memory: '128Mi' } };
  const resize = (change: object, list = 'containers') =>
    patch('resized', 'resize', { spec: { [list]: [{ name: 'main', ...change }] } });

  test('changes CPU and memory of containers, and nothing else', async () => {
    const body = pod('resized') as { spec: { containers: object[] } };
    body.spec.containers = [{ ...body.spec.containers[0], name: 'main', resources }];
    expect((await server.post(PODS, body)).status).toBe(201);
    const answer = await resize({ image: 'other', resources: { requests: { cpu: '150m' } } });
    expect(answer.status).toBe(200);
    expect(answer.body.spec.containers[0].resources).toEqual({
      ...resources,
      requests: { cpu: '150m', memory: '64Mi' },
    });
    expect(answer.body.spec.containers[0].image).not.toBe('other');
    expect(answer.body.metadata.generation).toBe(2);
  });

  test('keeps the quality of service, takes nothing away, and touches no other resource', async () => {
    const guaranteed = { requests: { cpu: '200m', memory: '128Mi' } };
    expect((await resize({ resources: guaranteed })).body.message).toContain(
      'Pod QOS Class may not change as a result of resizing',
    );
    expect((await resize({ resources: { limits: { cpu: null } } })).body.message).toContain(
      'spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed',
    );
    expect(
      (await resize({ resources: { requests: { 'ephemeral-storage': '1Gi' } } })).body.message,
    ).toContain('only cpu and memory resources are mutable');
  });

  test('stays within the limits and the quota of the namespace', async () => {
    await server.post('/api/v1/namespaces/default/limitranges', {
      metadata: { name: 'range' },
      spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] },
    });
    expect((await resize({ resources: { limits: { cpu: '2' } } })).body.message).toContain(
      'maximum cpu usage per Container is 1, but limit is 2',
    );
    await server.post('/api/v1/namespaces/default/resourcequotas', {
      metadata: { name: 'quota' },
      spec: { hard: { 'limits.cpu': '500m' } },
    });
    expect((await resize({ resources: { limits: { cpu: '600m' } } })).body.message).toContain(
      'exceeded quota: quota',
    );
    await server.send('DELETE', '/api/v1/namespaces/default/resourcequotas/quota');
  });

  test('the main resource still refuses to', async () => {
    const answer = await server.send(
      'PATCH',
      `${PODS}/resized`,
      { spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1m' } } }] } },
      strategic,
    );
    expect(answer.body.message).toContain('pod updates may not change fields other than');
  });
});

test('while a pod waits at a gate its rules about nodes may be narrowed, not widened', async () => {
  const term = (...values: string[][]) => ({
    matchExpressions: values.map((one, index) => ({ key: `k${index}`, operator: 'In', values: one })),
  });
  const affinity = (nodeSelectorTerms: object[], preferred?: object) => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
      ...preferred,
    },
  });
  const body = pod('gated') as { spec: object };
  body.spec = { ...body.spec, schedulingGates: [{ name: 'wait' }], affinity: affinity([term(['a'])]) };
  const made = await server.post(PODS, body);
  expect(made.status).toBe(201);
  const change = (next: object) => server.send('PATCH', `${PODS}/gated`, { spec: { affinity: next } }, merge);
  const narrowed = await change(
    affinity([term(['a'], ['b'])], {
      preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: term(['c']) }],
    }),
  );
  expect(narrowed.body.message ?? '').toBe('');
  expect((await change(affinity([term(['a'])]))).body.message).toContain(
    'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]: Invalid value',
  );
  expect((await change(affinity([term(['a'], ['b']), term(['z'])]))).body.message).toContain(
    'no additions/deletions to non-empty NodeSelectorTerms list are allowed',
  );
});

test('nobody makes a pod a mirror of a node’s own afterwards', async () => {
  await server.post(PODS, pod('plain'));
  const annotate = (path: string) =>
    server.send('PATCH', path, { metadata: { annotations: { 'kubernetes.io/config.mirror': 'x' } } }, merge);
  for (const path of [`${PODS}/plain`, `${PODS}/plain/status`])
    expect((await annotate(path)).body.message).toContain(
      'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation',
    );
});
