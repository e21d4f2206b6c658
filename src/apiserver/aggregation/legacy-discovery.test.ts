import { expect, test } from 'vitest';
import type { metav1 } from '../../kube/index.ts';
import { resourcesOfList } from './legacy-discovery.ts';

test('subresources of a flat list stand below their resource, in whatever order they come', () => {
  const list = {
    groupVersion: 'g/v1',
    resources: [
      {
        name: 'fish/scale',
        singularName: '',
        namespaced: true,
        group: 'autoscaling',
        version: 'v1',
        kind: 'Scale',
        verbs: ['get'],
      },
      {
        name: 'fish',
        singularName: 'fish',
        namespaced: true,
        kind: 'Fish',
        verbs: ['get', 'list'],
        shortNames: ['f'],
      },
      {
        name: 'seas',
        singularName: 'sea',
        namespaced: false,
        kind: 'Sea',
        verbs: ['list'],
        categories: ['all'],
      },
    ],
  } as unknown as metav1.APIResourceList;
  expect(resourcesOfList(list, { group: 'g', version: 'v1' })).toEqual([
    {
      resource: 'fish',
      responseKind: { group: 'g', version: 'v1', kind: 'Fish' },
      scope: 'Namespaced',
      singularResource: 'fish',
      verbs: ['get', 'list'],
      shortNames: ['f'],
      subresources: [
        {
          subresource: 'scale',
          responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
          verbs: ['get'],
        },
      ],
    },
    {
      resource: 'seas',
      responseKind: { group: 'g', version: 'v1', kind: 'Sea' },
      scope: 'Cluster',
      singularResource: 'sea',
      verbs: ['list'],
      categories: ['all'],
    },
  ]);
});
