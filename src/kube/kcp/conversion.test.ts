import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import { kcpResources } from './kcp-resources.ts';

function storageOf(name: string) {
  return kcpResources.find((one) => one.name === name && one.version === 'v1alpha1')!.storage!;
}

const metadata = { name: 'a', annotations: { mine: 'kept' } };

function exported(spec: object): KubeObject {
  return { apiVersion: 'apis.kcp.io/v1alpha2', kind: 'APIExport', metadata, spec } as unknown as KubeObject;
}

function bound(spec: object, status?: object): KubeObject {
  const reference = { export: { path: 'root:a', name: 'e' } };
  return {
    apiVersion: 'apis.kcp.io/v1alpha2',
    kind: 'APIBinding',
    metadata,
    spec: { reference, deletionPolicy: 'Delete', ...spec },
    ...(status !== undefined && { status }),
  } as unknown as KubeObject;
}

describe('an export', () => {
  const storage = storageOf('apiexports');

  test('in v1alpha1 names its schemas and claims, and what v1alpha1 cannot say stands in annotations', () => {
    const stored = exported({
      resources: [
        {
          group: 'b.dev',
          name: 'pots',
          schema: 'v1.pots.b.dev',
          storage: { virtual: { reference: { kind: 'K', name: 'n' } } },
        },
        { group: 'a.dev', name: 'cows', schema: 'v1.cows.a.dev', storage: { crd: {} } },
      ],
      permissionClaims: [
        { group: '', resource: 'secrets', identityHash: '', verbs: ['get'] },
        { group: '', resource: 'configmaps', identityHash: '', verbs: ['*'] },
      ],
    });
    const shown = storage.fromStored(stored) as KubeObject & { spec: object };
    expect(shown.apiVersion).toBe('apis.kcp.io/v1alpha1');
    expect(shown.spec).toEqual({
      latestResourceSchemas: ['v1.cows.a.dev'],
      permissionClaims: [
        { group: '', resource: 'secrets' },
        { group: '', resource: 'configmaps' },
      ],
    });
    expect(Object.keys(shown.metadata.annotations!)).toEqual([
      'mine',
      'apis.v1alpha2.kcp.io/resource-schemas',
      'apis.v1alpha2.kcp.io/permission-claims',
    ]);
  });

  test('comes back from v1alpha1 as it was', () => {
    const stored = exported({
      identity: { secretRef: { name: 's', namespace: 'n' } },
      resources: [
        { group: '', name: 'cows', schema: 'v1.cows.core', storage: { crd: {} } },
        {
          group: 'b.dev',
          name: 'pots',
          schema: 'v1.pots.b.dev',
          storage: { virtual: { reference: { kind: 'K', name: 'n' } } },
        },
        { group: 'a.dev', name: 'hens', schema: 'v1.hens.a.dev', storage: { crd: {} } },
      ],
      permissionClaims: [
        {
          group: '',
          resource: 'secrets',
          identityHash: '',
          verbs: ['get'],
          defaultSelector: { matchLabels: { a: 'b' } },
        },
      ],
    });
    const back = storage.toStored(storage.fromStored(stored)) as KubeObject & { spec: object };
    expect(back.spec).toEqual((stored as KubeObject & { spec: object }).spec);
    expect(back.metadata.annotations!.mine).toBe('kept');
    expect(back.metadata.annotations).not.toHaveProperty(['apis.v1alpha2.kcp.io/resource-schemas']);
  });

  test('sent as v1alpha1 is shown so again', () => {
    const sent = {
      apiVersion: 'apis.kcp.io/v1alpha1',
      kind: 'APIExport',
      metadata,
      spec: {
        latestResourceSchemas: ['v1.cows.a.dev'],
        permissionClaims: [{ group: '', resource: 'secrets', resourceSelector: [{ namespace: 'n' }] }],
      },
    } as unknown as KubeObject;
    const stored = storage.toStored(sent);
    expect(stored).toMatchObject({
      apiVersion: 'apis.kcp.io/v1alpha2',
      spec: { permissionClaims: [{ group: '', resource: 'secrets', identityHash: '', verbs: ['*'] }] },
    });
    expect(storage.fromStored(stored)).toEqual(sent);
  });

  test('of a schema without a group is refused', () => {
    const sent = { ...exported({ latestResourceSchemas: ['cows'] }) };
    expect(() => storage.toStored(sent)).toThrow(
      'invalid schema "cows": must have at least 3 dot-separated segments',
    );
  });

  test('with an annotation that somebody wrote by hand is converted nevertheless', () => {
    const annotations = { 'apis.v1alpha2.kcp.io/permission-claims': 'nonsense' };
    const sent = {
      ...exported({ permissionClaims: [{ resource: 'secrets', all: true }] }),
      metadata: { name: 'a', annotations },
    } as unknown as KubeObject;
    expect(storage.toStored(sent)).toMatchObject({ spec: { permissionClaims: [{ verbs: ['*'] }] } });
  });
});

describe('a binding', () => {
  const storage = storageOf('apibindings');
  const plain = {
    group: '',
    resource: 'secrets',
    identityHash: '',
    verbs: ['*'],
    selector: { matchAll: true },
  };
  const narrow = {
    group: 'a',
    resource: 'cows',
    identityHash: 'h',
    verbs: ['get'],
    selector: { matchLabels: { a: 'b' } },
  };
  const { selector: _selector, ...asked } = narrow;

  test('in v1alpha1 claims all objects, or says nothing of them', () => {
    const shown = storage.fromStored(
      bound({
        permissionClaims: [
          { ...plain, state: 'Accepted' },
          { ...narrow, state: 'Rejected' },
        ],
      }),
    );
    expect(shown).toMatchObject({
      spec: {
        permissionClaims: [
          { resource: 'secrets', all: true, state: 'Accepted' },
          { group: 'a', resource: 'cows', identityHash: 'h', state: 'Rejected' },
        ],
      },
    });
  });

  test('comes back from v1alpha1 as it was', () => {
    const stored = bound(
      { permissionClaims: [{ ...narrow, state: 'Accepted' }], deletionPolicy: 'WaitForSuccessor' },
      { phase: 'Bound', appliedPermissionClaims: [narrow], exportPermissionClaims: [asked] },
    );
    const back = storage.toStored(storage.fromStored(stored)) as KubeObject & {
      spec: object;
      status: object;
    };
    expect(back).toMatchObject({
      spec: (stored as typeof back).spec,
      status: (stored as typeof back).status,
    });
    expect(back.metadata.annotations).not.toHaveProperty(['apis.v1alpha2.kcp.io/deletion-policy']);
    expect(back.metadata.annotations).not.toHaveProperty([
      'apis.v1alpha2.kcp.io/acceptable-permission-claims',
    ]);
  });

  test('does not change what is stored', () => {
    const stored = bound({ permissionClaims: [{ ...narrow, state: 'Accepted' }] });
    const before = structuredClone(stored);
    storage.fromStored(stored);
    expect(stored).toEqual(before);
  });
});
