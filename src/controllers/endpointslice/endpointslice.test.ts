import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { endpointsOfService } from './endpoints-of-service.ts';
import { legacyEndpoints } from './legacy-endpoints.ts';
import { planSlices } from './slice-plan.ts';

function service(spec: Partial<corev1.ServiceSpec> = {}): corev1.Service {
  return {
    metadata: { name: 'web', namespace: 'default', uid: 's', labels: { team: 'a' } },
    spec: {
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
      clusterIP: '10.43.0.5',
      ...spec,
    },
  } as unknown as corev1.Service;
}

function pod(
  name: string,
  ip: string | undefined,
  parts: { ready?: boolean; deleting?: boolean; port?: number; phase?: string } = {},
): corev1.Pod {
  const { ready = true, deleting = false, port = 8080, phase = 'Running' } = parts;
  return {
    metadata: {
      name,
      namespace: 'default',
      uid: name,
      ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: {
      nodeName: 'n',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }],
    },
    status: { phase, podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  } as unknown as corev1.Pod;
}

const plan = (pods: corev1.Pod[], existing: discoveryv1.EndpointSlice[] = [], of = service()) =>
  planSlices(of, endpointsOfService(of, pods), existing, () => 'z1');

describe('planSlices', () => {
  test('a ready pod with its named port', () => {
    expect(plan([pod('a', '10.42.0.2')])).toMatchObject({
      create: [
        {
          addressType: 'IPv4',
          ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
          endpoints: [
            {
              addresses: ['10.42.0.2'],
              conditions: { ready: true, serving: true, terminating: false },
              targetRef: { kind: 'Pod', name: 'a', namespace: 'default' },
              nodeName: 'n',
              zone: 'z1',
            },
          ],
          metadata: {
            generateName: 'web-',
            labels: {
              team: 'a',
              'kubernetes.io/service-name': 'web',
              'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
            },
          },
        },
      ],
      update: [],
      delete: [],
    });
  });

  test('conditions of pods that are not ready, or end, and of those published anyway', () => {
    const conditionsOf = (one: corev1.Pod, of = service()) =>
      plan([one], [], of).create[0]!.endpoints![0]?.conditions;
    expect(conditionsOf(pod('a', '10.0.0.1', { ready: false }))).toEqual({
      ready: false,
      serving: false,
      terminating: false,
    });
    expect(conditionsOf(pod('a', '10.0.0.1', { deleting: true }))).toEqual({
      ready: false,
      serving: true,
      terminating: true,
    });
    const publishing = service({ publishNotReadyAddresses: true });
    expect(conditionsOf(pod('a', '10.0.0.1', { ready: false }), publishing)).toEqual({
      ready: true,
      serving: false,
      terminating: false,
    });
    expect(conditionsOf(pod('a', '10.0.0.1', { phase: 'Failed' }))).toBeUndefined();
    expect(conditionsOf(pod('a', undefined))).toBeUndefined();
  });

  test('a service without pods has one empty slice, which pods then fill', () => {
    const empty = plan([]);
    expect(empty.create).toMatchObject([{ endpoints: [], ports: [] }]);
    const slice = {
      ...empty.create[0]!,
      metadata: { ...empty.create[0]!.metadata, name: 'web-x' },
    } as discoveryv1.EndpointSlice;
    expect(plan([], [slice])).toEqual({ create: [], update: [], delete: [] });
    const filled = plan([pod('a', '10.0.0.1')], [slice]);
    expect([filled.create, filled.delete]).toEqual([[], []]);
    expect(filled.update).toMatchObject([
      { metadata: { name: 'web-x' }, ports: [{ port: 8080 }], endpoints: [{ addresses: ['10.0.0.1'] }] },
    ]);
  });

  test('pods whose named port differs get slices of their own', () => {
    const { create } = plan([pod('a', '10.0.0.1'), pod('b', '10.0.0.2', { port: 9090 })]);
    expect(create.map((slice) => slice.ports?.[0]?.port).sort()).toEqual([8080, 9090]);
  });

  test('whatever comes and goes, slices hold exactly the endpoints, 100 at most, and settle', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { maxLength: 300 });
    fc.assert(
      fc.property(ids, ids, (before, after) => {
        let slices: discoveryv1.EndpointSlice[] = [];
        let made = 0;
        const apply = (list: number[]) => {
          const next = plan(
            list.map((id) => pod(`p${id}`, `10.0.${id >> 8}.${id & 255}`)),
            slices,
          );
          slices = slices
            .filter((slice) => !next.delete.includes(slice))
            .map((slice) => next.update.find((one) => one.metadata.name === slice.metadata.name) ?? slice);
          for (const draft of next.create)
            slices.push({
              ...draft,
              metadata: { ...draft.metadata, name: `web-${++made}` },
            } as discoveryv1.EndpointSlice);
          return next;
        };
        apply(before);
        apply(after);
        const held = slices.flatMap((slice) => slice.endpoints!.map((endpoint) => endpoint.targetRef!.name));
        expect(held.sort()).toEqual(after.map((id) => `p${id}`).sort());
        expect(slices.every((slice) => slice.endpoints!.length <= 100)).toBe(true);
        expect(slices.length).toBeGreaterThan(0);
        expect(apply(after)).toEqual({ create: [], update: [], delete: [] });
      }),
      { numRuns: 30 },
    );
  });
});

test('the Endpoints of older clients part ready from not ready and leave ending pods out', () => {
  const of = service();
  const pods = [
    pod('b', '10.0.0.2'),
    pod('a', '10.0.0.1', { ready: false }),
    pod('c', '10.0.0.3', { deleting: true }),
  ];
  expect(legacyEndpoints(of, endpointsOfService(of, pods)).subsets).toMatchObject([
    {
      addresses: [{ ip: '10.0.0.2', nodeName: 'n' }],
      notReadyAddresses: [{ ip: '10.0.0.1' }],
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    },
  ]);
});
