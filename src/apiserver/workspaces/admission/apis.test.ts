import { expect, test } from 'vitest';
import { kcpResources } from '../../../kube/index.ts';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { ResourceCatalog } from '../../registry/catalog.ts';
import { ApiBindingAdmission } from './api-bindings.ts';
import { ApiExportAdmission } from './api-exports.ts';
import { apiResourceSchemaAdmission } from './api-resource-schemas.ts';
import { BindAccess } from './bind-access.ts';

const resourceOf = (name: string) => kcpResources.find((one) => one.name === name)!;

function requestFor(name: string, object: object, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return {
    operation: 'CREATE',
    resource: resourceOf(name),
    workspace: 'here',
    name: 'mine',
    user: { name: 'jane', groups: [] },
    object: object as NonNullable<AdmissionRequest['object']>,
    dryRun: false,
    ...more,
  };
}

async function refusal(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test('a schema that cannot be served, or that changes, is refused', async () => {
  const schema = (scope: string) => ({
    metadata: { name: 'v1.widgets.example.io' },
    spec: {
      group: 'example.io',
      scope,
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { type: 'object' } }],
    },
  });
  const validate = (object: object, old?: object) =>
    apiResourceSchemaAdmission.validate!(
      requestFor('apiresourceschemas', object, {
        ...(old !== undefined && {
          operation: 'UPDATE',
          oldObject: old as AdmissionRequest['object'] & object,
        }),
      }),
    );
  expect(await refusal(() => validate(schema('Namespaced')))).toBeUndefined();
  expect(await refusal(() => validate({ ...schema('Cluster'), metadata: { name: 'widgets' } }))).toBe(
    'apiresourceschemas.apis.kcp.io "mine" is forbidden: [metadata.name: Invalid value: "widgets": must end in .widgets.example.io]',
  );
  expect(await refusal(() => validate(schema('Cluster'), schema('Namespaced')))).toContain('is immutable]');
});

test('an export claims what is built in, or says whose it is, and names schemas of its resources', async () => {
  const admission = new ApiExportAdmission(new ResourceCatalog(kcpResources));
  const validate = (spec: object) => admission.validate(requestFor('apiexports', { metadata: {}, spec }));
  const claim = (group: string, identityHash?: string) => ({
    permissionClaims: [{ group, resource: 'workspaces', verbs: ['get'], identityHash }],
  });
  expect(await refusal(() => validate(claim('tenancy.kcp.io')))).toBeUndefined();
  expect(await refusal(() => validate(claim('example.io', 'hash')))).toBeUndefined();
  expect(await refusal(() => validate(claim('example.io')))).toBe(
    'apiexports.apis.kcp.io "mine" is forbidden: spec.permissionClaims[0].identityHash: Invalid value: "": identityHash is required for API types that are not built-in',
  );
  const resources = [{ name: 'widgets', group: 'example.io', schema: 'v1.gadgets.example.io' }];
  expect(await refusal(() => validate({ resources }))).toContain('must end in .widgets.example.io');
});

function bindings(verdict: 'allow' | 'no opinion'): ApiBindingAdmission {
  const access = new BindAccess({
    objects: { find: async () => ({ metadata: {} }) } as never,
    directory: { resolve: async (path: string) => (path === 'root:there' ? 'there' : undefined) } as never,
    roles: { authorize: () => ({ verdict, reason: '' }) },
  });
  return new ApiBindingAdmission(access);
}

const binding = (path: string | undefined, more: object = {}) => ({
  metadata: {},
  spec: { reference: { export: { name: 'e', ...(path !== undefined && { path }) } }, ...more },
});

test('who may bind is labelled with what is bound; who may not hears no more than that', async () => {
  const request = requestFor('apibindings', binding('root:there'));
  await bindings('allow').mutate(request);
  expect(request.object!.metadata.labels).toHaveProperty(['internal.apis.kcp.io/export']);
  const why = (path: string) =>
    `apibindings.apis.kcp.io "mine" is forbidden: unable to create APIBinding: no permission to bind to export ${path}:e`;
  for (const [verdict, path] of [
    ['no opinion', 'root:there'],
    ['allow', 'root:nowhere'],
  ] as const)
    expect(await refusal(() => bindings(verdict).mutate(requestFor('apibindings', binding(path))))).toBe(
      why(path),
    );
});

test('a binding names an export, and claims say all or some', async () => {
  const validate = (object: object) => bindings('allow').validate(requestFor('apibindings', object));
  expect(await refusal(() => validate({ metadata: {}, spec: { reference: {} } }))).toContain(
    '[spec.reference.export: Required value]',
  );
  const claims = (selector: object) =>
    binding(undefined, { permissionClaims: [{ resource: 'secrets', verbs: ['*'], selector }] });
  expect(await refusal(() => validate(claims({})))).toContain(
    'spec.permissionClaims[0].selector: Required value: either one of matchAll, matchLabels, or matchExpressions must be set',
  );
  expect(await refusal(() => validate(claims({ matchAll: true, matchLabels: { a: 'b' } })))).toContain(
    'matchLabels cannot be used with matchAll',
  );
});
