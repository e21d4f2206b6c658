import { expect, test } from 'vitest';
import { CONFIG_MAPS, PODS } from '../../client/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import { OwnerGraph } from './owner-graph.ts';

test('an owner that was only heard of is unseen until it is observed', () => {
  const graph = new OwnerGraph();
  const owner = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'owner', namespace: 'a', uid: 'o' },
  } as KubeObject;
  const dependent = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'dependent',
      namespace: 'a',
      uid: 'd',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'owner', uid: 'o' }],
    },
  } as KubeObject;
  graph.observe(dependent, CONFIG_MAPS);
  expect([...graph.unseen()].map((node) => node.uid)).toEqual(['o']);
  graph.observe(owner, PODS);
  expect([...graph.unseen()]).toEqual([]);
});
