import { expect, test } from 'vitest';
import type { corev1alpha1, tenancyv1alpha1 } from '../../kube/index.ts';
import { workspaceTypeStatus } from './workspacetype-status.ts';

test('a type tells where its workspaces are seen while they begin and while they end', () => {
  const metadata = { name: 'app', annotations: { 'kcp.io/cluster': 'abc' } };
  const type = { metadata } as unknown as tenancyv1alpha1.WorkspaceType;
  const shard = { spec: { baseURL: 'x', virtualWorkspaceURL: 'https://a:1/' } } as corev1alpha1.Shard;
  const status = workspaceTypeStatus(type, 'root:org', [shard], '2026-01-02T03:04:05Z');
  expect(status.virtualWorkspaces).toEqual([
    { type: 'initializing', url: 'https://a:1/services/initializingworkspaces/abc:app' },
    { type: 'terminating', url: 'https://a:1/services/terminatingworkspaces/root:org:app' },
  ]);
  expect(status.conditions?.map(({ type: name, status: value }) => `${name}=${value}`)).toEqual([
    'Ready=True',
    'VirtualWorkspaceURLsReady=True',
  ]);
});
