import { expect, test } from 'vitest';
import type { StoredContent } from '../../client/index.ts';
import { contentCondition, planContent } from './remaining-content.ts';

function content(resource: string, group: string, more: Partial<StoredContent> = {}): StoredContent {
  return {
    group,
    resource,
    version: 'v1',
    kind: '',
    namespaced: false,
    verbs: ['delete'],
    count: 1,
    ...more,
  };
}

test('roles go last, namespaces take their content along, and the LogicalCluster holds it all', () => {
  const plan = planContent([
    content('namespaces', ''),
    content('logicalclusters', 'core.kcp.io'),
    content('clusterroles', 'rbac.authorization.k8s.io'),
    content('componentstatuses', '', { verbs: ['list'] }),
    content('widgets', 'example.com'),
  ]);
  expect(plan.now.map(({ resource }) => resource)).toEqual(['namespaces', 'widgets']);
  expect(plan.last.map(({ resource }) => resource)).toEqual(['clusterroles']);
});

test('the condition tells what is left and what holds it, in order', () => {
  const left = [content('widgets', 'example.com', { count: 2 }), content('namespaces', '')];
  expect(contentCondition({ left, failures: [] }, new Map([['example.com/hold', 2]]))).toEqual({
    type: 'WorkspaceContentDeleted',
    status: 'False',
    severity: 'Info',
    reason: 'SomeResourcesRemain',
    message:
      'Some resources are remaining: namespaces. has 1 resource instances, widgets.example.com has 2 resource instances; ' +
      'Some content in the logical cluster has finalizers remaining: example.com/hold in 2 resource instances',
  });
  expect(contentCondition({ left: [], failures: ['no'] }, new Map())).toMatchObject({
    reason: 'ContentDeletionFailed',
    severity: 'Error',
    message: 'no',
  });
});
