import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { NodeAuthorizer } from './node-authorizer.ts';

const POD = {
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    nodeName: 'n1',
    containers: [],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'scratch', ephemeral: {} },
    ],
  },
} as unknown as corev1.Pod;

const authorizer = new NodeAuthorizer({
  pod: async () => undefined,
  volume: async (_workspace, name) =>
    ({ spec: { claimRef: { namespace: 'default', name: name === 'bound' ? 'claim' : 'other' } } }) as never,
  podsOnNode: async (_workspace, namespace, node) => (node === 'n1' && namespace === 'default' ? [POD] : []),
});

async function may(verb: string, what: string, name?: string, node = 'n1'): Promise<boolean> {
  const [group, resource, subresource] = what.split('/') as [string, string, string?];
  const decision = await authorizer.authorize({
    user: { name: `system:node:${node}`, groups: ['system:nodes'] },
    workspace: 'root',
    verb,
    path: '',
    resource: {
      group,
      version: 'v1',
      resource,
      ...(subresource !== undefined && { subresource }),
      ...(name !== undefined && { name }),
      ...(resource.startsWith('persistentvolumeclaim') && { namespace: 'default' }),
    },
  });
  return decision.verdict === 'allow';
}

test('a node reads the claims of its pods and the volumes those are bound to, and no others', async () => {
  for (const name of ['claim', 'web-scratch'])
    expect(await may('get', '/persistentvolumeclaims', name)).toBe(true);
  expect(await may('get', '/persistentvolumeclaims', 'other')).toBe(false);
  expect(await may('get', '/persistentvolumeclaims', 'claim', 'n2')).toBe(false);
  expect(await may('list', '/persistentvolumeclaims')).toBe(false);
  expect(await may('patch', '/persistentvolumeclaims', 'claim')).toBe(false);
  expect(await may('patch', '/persistentvolumeclaims/status', 'claim')).toBe(true);
  expect(await may('get', '/persistentvolumes', 'bound')).toBe(true);
  expect(await may('get', '/persistentvolumes', 'stray')).toBe(false);
});

test('a node has its own CSINode and asks for certificates', async () => {
  expect(await may('patch', 'storage.k8s.io/csinodes', 'n1')).toBe(true);
  expect(await may('patch', 'storage.k8s.io/csinodes', 'n2')).toBe(false);
  expect(await may('create', 'certificates.k8s.io/certificatesigningrequests')).toBe(true);
  expect(await may('update', 'certificates.k8s.io/certificatesigningrequests/approval', 'x')).toBe(false);
});
