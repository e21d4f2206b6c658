import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Conflict, OrreryError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import { cloneJson } from '../patch/json-value.ts';
import type { Resource } from '../resource.ts';
import { arbitraryObject } from '../schema/arbitrary-object.test-suite.ts';
import { serverSideApply } from './server-side-apply.ts';
import { trackManagedFields } from './track-managed-fields.ts';

const now = new Date('2026-01-01T00:00:00.900Z');
const later = new Date('2026-01-02T00:00:00Z');

function resource(group: string, kind: string, ref: string): Resource {
  return {
    group,
    version: 'v1',
    kind,
    listKind: `${kind}List`,
    name: `${kind.toLowerCase()}s`,
    singularName: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: [],
    subresources: [{ name: 'status', verbs: ['get', 'patch', 'update'] }],
    schema: { ref },
    hasGeneration: true,
  };
}
const deployments = resource('apps', 'Deployment', 'apps/v1.Deployment');
const configMaps = resource('', 'ConfigMap', 'core/v1.ConfigMap');

// biome-ignore lint/suspicious/noExplicitAny: test objects are read in every shape
type Loose = any;

function deployment(spec: object, metadata: object = {}): Loose {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata }, spec };
}

function created(object: Loose, manager = 'kubectl-create', of = deployments): Loose {
  const copy = cloneJson(object);
  trackManagedFields({ resource: of, object: copy, manager, now });
  copy.metadata.uid = 'u';
  return copy;
}

function apply(
  live: Loose,
  applied: Loose,
  o: { manager?: string; force?: boolean; resource?: Resource } = {},
): Loose {
  return serverSideApply({
    resource: o.resource ?? deployments,
    ...(live !== undefined && { live }),
    applied,
    fieldManager: o.manager ?? 'me',
    force: o.force ?? false,
    now: later,
  });
}

const fieldsOf = (object: Loose, manager: string) =>
  object.metadata.managedFields?.find((one: Loose) => one.manager === manager)?.fieldsV1;

describe('trackManagedFields', () => {
  test('gives the creator everything but what the server owns, in the stored form', () => {
    const live = created(
      deployment(
        {
          replicas: 3,
          selector: { matchLabels: { a: 'b' } },
          template: {
            spec: { containers: [{ name: 'c', ports: [{ containerPort: 80, protocol: 'TCP' }] }] },
          },
        },
        { labels: { app: 'web' }, resourceVersion: '5' },
      ),
    );
    expect(live.metadata.managedFields).toEqual([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'apps/v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:replicas': {},
            'f:selector': {},
            'f:template': {
              'f:spec': {
                'f:containers': {
                  'k:{"name":"c"}': {
                    '.': {},
                    'f:name': {},
                    'f:ports': {
                      '.': {},
                      'k:{"containerPort":80,"protocol":"TCP"}': {
                        '.': {},
                        'f:containerPort': {},
                        'f:protocol': {},
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ]);
  });

  test('moves what changed to who changed it and forgets what is gone', () => {
    const live = created(deployment({ replicas: 1, paused: true }));
    const object = deployment({ replicas: 2 }, { uid: 'u' });
    trackManagedFields({ resource: deployments, old: live, object, manager: 'scaler', now: later });
    expect(fieldsOf(object, 'kubectl-create')).toBeUndefined();
    expect(fieldsOf(object, 'scaler')).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('keeps entries and times when nothing changed', () => {
    const live = created(deployment({ replicas: 1 }));
    const object = cloneJson(live);
    object.metadata.resourceVersion = '9';
    trackManagedFields({ resource: deployments, old: live, object, manager: 'other', now: later });
    expect(object.metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  test('knows status of the subresource apart, and spec only of the main resource', () => {
    const live = created(deployment({ replicas: 1 }));
    const object = cloneJson(live);
    object.status = { replicas: 1 };
    trackManagedFields({
      resource: deployments,
      old: live,
      object,
      manager: 'controller',
      subresource: 'status',
      now: later,
    });
    const entry = object.metadata.managedFields.find((one: Loose) => one.manager === 'controller');
    expect(entry).toMatchObject({ subresource: 'status', fieldsV1: { 'f:status': { 'f:replicas': {} } } });
  });

  test('stays away from an object that nobody tracks, and stops when asked to', () => {
    const object = deployment({ replicas: 2 });
    trackManagedFields({
      resource: deployments,
      old: deployment({ replicas: 1 }),
      object,
      manager: 'x',
      now,
    });
    expect(object.metadata).not.toHaveProperty('managedFields');
    const live = created(deployment({ replicas: 1 }));
    const reset = deployment({ replicas: 1 }, { managedFields: [] });
    trackManagedFields({ resource: deployments, old: live, object: reset, manager: 'x', now });
    expect(reset.metadata).not.toHaveProperty('managedFields');
  });

  test('merges the oldest of more than ten updaters', () => {
    let live = created(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { k0: '' } },
      'm0',
      configMaps,
    );
    for (let i = 1; i < 15; i++) {
      const object = cloneJson(live);
      object.data[`k${i}`] = '';
      trackManagedFields({
        resource: configMaps,
        old: live,
        object,
        manager: `m${i}`,
        now: new Date(now.getTime() + i * 1000),
      });
      live = object;
    }
    const entries = live.metadata.managedFields;
    expect(entries).toHaveLength(10);
    expect(Object.keys(fieldsOf(live, 'ancient-changes')['f:data'])).toContain('f:k4');
  });
});

describe('serverSideApply', () => {
  test('creates', () => {
    const object = apply(undefined, deployment({ replicas: 2 }));
    expect(object).toMatchObject({ spec: { replicas: 2 } });
    expect(object.metadata.managedFields).toMatchObject([
      {
        manager: 'me',
        operation: 'Apply',
        time: '2026-01-02T00:00:00Z',
        fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      },
    ]);
  });

  test('refuses to change what another manager owns, unless forced', () => {
    const live = created(deployment({ replicas: 1 }), 'kubectl-client-side-apply');
    const error = thrown(() => apply(live, deployment({ replicas: 2 }))) as Conflict;
    expect(error.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: .spec.replicas',
    );
    expect(error.details.causes).toEqual([
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl-client-side-apply" using apps/v1',
        field: '.spec.replicas',
      },
    ]);
    const forced = apply(live, deployment({ replicas: 2 }), { force: true });
    expect(forced.spec.replicas).toBe(2);
    expect(fieldsOf(forced, 'kubectl-client-side-apply')).toBeUndefined();
  });

  test('lists several conflicts by manager', () => {
    const first = apply(undefined, deployment({ replicas: 1, paused: true }), { manager: 'a' });
    const error = thrown(() => apply(first, deployment({ replicas: 2, paused: false }))) as Conflict;
    expect(error.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "a":\n- .spec.paused\n- .spec.replicas',
    );
  });

  test('shares what two managers apply alike, and removes it when the last one lets go', () => {
    const both = apply(
      apply(undefined, deployment({ replicas: 1 }), { manager: 'a' }),
      deployment({ replicas: 1 }),
      { manager: 'b' },
    );
    const one = apply(both, deployment({}), { manager: 'a' });
    expect(one.spec.replicas).toBe(1);
    const none = apply(one, deployment({}), { manager: 'b' });
    expect(none.spec ?? {}).not.toHaveProperty('replicas');
    expect(
      none.metadata.managedFields.every(
        (entry: Loose) => entry.fieldsV1['f:spec']?.['f:replicas'] === undefined,
      ),
    ).toBe(true);
  });

  test('removes list items and map keys that are no longer applied, and only those', () => {
    const spec = (names: string[]) => ({
      template: { spec: { containers: names.map((name) => ({ name, image: name })) } },
    });
    const live = created(deployment(spec(['a', 'server'])));
    const wide = apply(live, deployment(spec(['b', 'c']), { labels: { x: '1', y: '2' } }));
    expect(wide.spec.template.spec.containers.map((one: Loose) => one.name)).toEqual([
      'a',
      'server',
      'b',
      'c',
    ]);
    const narrow = apply(wide, deployment(spec(['c']), { labels: { y: '2' } }));
    expect(narrow.spec.template.spec.containers.map((one: Loose) => one.name)).toEqual(['a', 'server', 'c']);
    expect(narrow.metadata.labels).toEqual({ y: '2' });
  });

  test('lets the last label it owned go, and nothing else of the metadata', () => {
    const map = (labels?: object): Loose => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'm', namespace: 'n', ...(labels && { labels }) },
    });
    const as = { resource: configMaps };
    for (const labels of [{}, undefined]) {
      const live = apply(undefined, map({ odd: '1' }), as);
      live.metadata.uid = 'u';
      const next = apply(live, map(labels), as);
      expect(next.metadata).toMatchObject({ name: 'm', namespace: 'n', uid: 'u' });
      expect(next.metadata.labels).toBeUndefined();
    }
  });

  test('takes a list item by its defaulted key', () => {
    const spec = (port: object) => ({ template: { spec: { containers: [{ name: 'c', ports: [port] }] } } });
    const live = created(deployment(spec({ containerPort: 80, protocol: 'TCP', name: 'http' })));
    const object = apply(live, deployment(spec({ containerPort: 80, hostPort: 8080 })));
    expect(object.spec.template.spec.containers[0].ports).toEqual([
      { containerPort: 80, protocol: 'TCP', name: 'http', hostPort: 8080 },
    ]);
  });

  test('bears repeated items in what is stored', () => {
    const env = [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ];
    const live = created(deployment({ template: { spec: { containers: [{ name: 'c', env }] } } }));
    const spec = (image: string) => ({ template: { spec: { containers: [{ name: 'c', image }] } } });
    const object = apply(apply(live, deployment(spec('1'))), deployment(spec('2')));
    expect(object.spec.template.spec.containers[0]).toEqual({ name: 'c', env, image: '2' });
  });

  test('sets atomic lists and structs whole', () => {
    const live = apply(undefined, deployment({ selector: { matchLabels: { a: '1', b: '2' } } }));
    expect(apply(live, deployment({ selector: { matchLabels: { b: '3' } } })).spec.selector).toEqual({
      matchLabels: { b: '3' },
    });
  });

  test('owns what an untracked object had as before-first-apply', () => {
    const error = thrown(() =>
      apply(deployment({ replicas: 1 }, { uid: 'u' }), deployment({ replicas: 2 })),
    ) as Error;
    expect(error.message).toContain('conflict with "before-first-apply" using apps/v1: .spec.replicas');
  });

  test('lets kubectl take over what its own client-side apply set, and keeps that annotation', () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const config = deployment({ replicas: 1 });
    const live = created(
      deployment({ replicas: 1 }, { annotations: { [annotation]: JSON.stringify(config) } }),
      'kubectl-client-side-apply',
    );
    const object = apply(live, deployment({ replicas: 2 }), { manager: 'kubectl' });
    expect(object.spec.replicas).toBe(2);
    expect(JSON.parse(object.metadata.annotations[annotation]).spec.replicas).toBe(2);
    const drifted = cloneJson(live);
    drifted.spec.replicas = 5;
    trackManagedFields({ resource: deployments, old: live, object: drifted, manager: 'scaler', now });
    expect(() => apply(drifted, deployment({ replicas: 2 }), { manager: 'kubectl' })).toThrow(
      'conflict with "scaler"',
    );
  });

  test.each([
    [
      deployment({ foo: 1 }),
      'failed to create typed patch object (web; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema',
    ],
    [
      deployment({ template: { spec: { containers: [{ name: 'a' }, { name: 'a' }] } } }),
      '.spec.template.spec.containers: duplicate entries for key [name="a"]',
    ],
    [
      deployment({ template: { spec: { containers: [{ image: 'a' }] } } }),
      'associative list with keys has an element that omits all key fields ["name"]',
    ],
    [deployment({}, { managedFields: [] }), 'metadata.managedFields must be nil'],
    [{ apiVersion: 'v1', kind: 'Pod', metadata: {} }, 'cannot be handled as a Deployment'],
  ])('refuses %j', (applied, message) => {
    const error = thrown(() => apply(undefined, applied));
    expect(error).toBeInstanceOf(OrreryError);
    expect((error as OrreryError).code).toBe('BadRequest');
    expect((error as Error).message).toContain(message);
  });

  test('is idempotent: applying again changes nothing, not even the time', () => {
    fc.assert(
      fc.property(
        arbitraryObject('apps/v1.DeploymentSpec'),
        arbitraryObject('apps/v1.DeploymentSpec'),
        (had, spec) => {
          const live = created(deployment(had));
          const once = apply(live, deployment(spec), { force: true });
          const again = serverSideApply({
            resource: deployments,
            live: once,
            applied: deployment(spec),
            fieldManager: 'me',
            force: false,
            now,
          });
          expect(again).toEqual(once);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('applying and then applying nothing leaves what others have', () => {
    fc.assert(
      fc.property(
        arbitraryObject('apps/v1.DeploymentSpec'),
        arbitraryObject('apps/v1.DeploymentSpec'),
        (a, b) => {
          const first = apply(undefined, deployment(a), { manager: 'a' });
          const second = apply(first, deployment(b), { manager: 'b', force: true });
          const released = apply(second, deployment({}), { manager: 'b' });
          const restored = apply(released, deployment(a), { manager: 'a' });
          expect(sortedLists(restored.spec)).toEqual(sortedLists(first.spec));
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** Lists that merge come back in another order. */
function sortedLists(value: unknown): unknown {
  if (Array.isArray(value))
    return value.map(sortedLists).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value as KubeObject)
      .sort()
      .map(([key, one]) => [key, sortedLists(one)]),
  );
}

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
