import { describe, expect, test } from 'vitest';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { isMirrored, MAX_MIRRORED, planMirror } from './mirror-plan.ts';

const endpoints = (subsets: corev1.EndpointSubset[], metadata: object = {}) =>
  ({ metadata: { name: 'db', namespace: 'default', uid: 'e', ...metadata }, subsets }) as corev1.Endpoints;

const one = { addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80 }] };

/** As the API server stores a draft. */
const stored = (draft: unknown, name: string): discoveryv1.EndpointSlice => {
  const slice = structuredClone(draft) as discoveryv1.EndpointSlice;
  slice.metadata.name = name;
  return slice;
};

describe('planMirror', () => {
  test('makes a slice of a subset, with labels and without what is told of the Endpoints alone', () => {
    const { create } = planMirror(
      endpoints([one], {
        labels: { team: 'a' },
        annotations: { a: 'b', 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
      }),
      [],
    );
    expect(create).toEqual([
      {
        metadata: {
          generateName: 'db-',
          namespace: 'default',
          labels: {
            team: 'a',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          annotations: { a: 'b' },
          ownerReferences: [
            {
              apiVersion: 'v1',
              kind: 'Endpoints',
              name: 'db',
              uid: 'e',
              controller: true,
              blockOwnerDeletion: true,
            },
          ],
        },
        addressType: 'IPv4',
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
        endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
      },
    ]);
  });

  test('keeps a slice by its ports and family, and writes it only when it changes', () => {
    const slice = stored(planMirror(endpoints([one]), []).create[0], 'db-1');
    expect(planMirror(endpoints([one]), [slice])).toMatchObject({ create: [], update: [], delete: [] });
    const other = { ...one, addresses: [{ ip: '10.2.3.4' }] };
    expect(planMirror(endpoints([other]), [slice])).toMatchObject({
      create: [],
      update: [{ metadata: { name: 'db-1' }, endpoints: [{ addresses: ['10.2.3.4'] }] }],
      delete: [],
    });
    expect(planMirror(endpoints([]), [slice])).toMatchObject({ delete: [{ metadata: { name: 'db-1' } }] });
  });

  test('a slice of ports that are gone becomes that of new ones', () => {
    const slice = stored(planMirror(endpoints([one]), []).create[0], 'db-1');
    expect(planMirror(endpoints([{ ...one, ports: [{ port: 81 }] }]), [slice])).toMatchObject({
      create: [],
      update: [{ metadata: { name: 'db-1' }, ports: [{ port: 81 }] }],
      delete: [],
    });
  });

  test('subsets of different ports, and both families, are slices of their own', () => {
    const both = { ...one, addresses: [{ ip: '10.1.2.3' }, { ip: '2001:db8::1' }] };
    const more = { ...one, ports: [{ name: 'b', port: 81 }] };
    expect(planMirror(endpoints([both, more]), []).create.map(({ addressType }) => addressType)).toEqual([
      'IPv4',
      'IPv6',
      'IPv4',
    ]);
  });

  test('addresses that are not ready say so', () => {
    const { create } = planMirror(endpoints([{ notReadyAddresses: [{ ip: '10.1.2.3' }] }]), []);
    expect(create[0]!.endpoints![0]!.conditions).toEqual({ ready: false });
  });

  test('counts what is no address, and what is too much', () => {
    const addresses = Array.from({ length: MAX_MIRRORED + 5 }, (_, i) => ({
      ip: `10.1.${i >> 8}.${i & 255}`,
    }));
    const plan = planMirror(endpoints([{ addresses: [{ ip: 'x' }, ...addresses] }]), []);
    expect([plan.invalid, plan.skipped, plan.create[0]!.endpoints!.length]).toEqual([1, 6, MAX_MIRRORED]);
  });
});

test('locks, and what asks to be skipped, are not mirrored', () => {
  const labels = { 'endpointslice.kubernetes.io/skip-mirror': 'true' };
  expect(isMirrored(endpoints([one]))).toBe(true);
  expect(isMirrored(endpoints([one], { labels }))).toBe(false);
  const annotations = { 'control-plane.alpha.kubernetes.io/leader': '{}' };
  expect(isMirrored(endpoints([one], { annotations }))).toBe(false);
});
