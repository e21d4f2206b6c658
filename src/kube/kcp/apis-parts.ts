import type { JsonSchemaProps } from '../extensions/json-schema.ts';
import {
  conditions,
  flag,
  keyedList,
  list,
  PATH_PATTERN,
  selectorFields,
  set,
  struct,
  text,
} from './schema-parts.ts';

/** What the kinds of apis.kcp.io have in common; facts: kcp config/crds/apis.kcp.io_*.yaml. */
export const APIS_GROUP = 'apis.kcp.io';

const GROUP_PATTERN = '^(|[a-z0-9]([-a-z0-9]*[a-z0-9](\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?)$';
/** A resource, or one of its subresources as rules of roles name it. */
export const RESOURCE_PATTERN = '^[a-z][-a-z0-9]*[a-z0-9](/[a-z][-a-z0-9]*[a-z0-9])?$';

/** Of a claim, what says which resource is claimed. */
export function claimedResource(defaults: {
  group?: '';
  identityHash?: '';
}): Record<string, JsonSchemaProps> {
  return {
    group: text('The group of the resource; empty for the core group.', {
      pattern: GROUP_PATTERN,
      ...(defaults.group !== undefined && { default: defaults.group }),
    }),
    identityHash: text('The identity of the APIExport that serves it; empty for what is built in.', {
      ...(defaults.identityHash !== undefined && { default: defaults.identityHash }),
    }),
    resource: text('The resource, or resource/subresource.', { maxLength: 127, pattern: RESOURCE_PATTERN }),
  };
}

/** Which objects: v1alpha2's words. */
export function claimSelector(description: string, more: Partial<JsonSchemaProps> = {}): JsonSchemaProps {
  return struct(
    description,
    { matchAll: flag('All objects.'), ...selectorFields() },
    { 'x-kubernetes-map-type': 'atomic', ...more },
  );
}

/** Which objects: v1alpha1's words. */
export function claimedObjects(): Record<string, JsonSchemaProps> {
  return {
    all: flag('All objects; instead of resourceSelector.'),
    resourceSelector: list(
      'Some objects.',
      struct(
        'One object, or all of a namespace, or all of a name.',
        {
          name: text('The name.', {
            minLength: 1,
            maxLength: 253,
            pattern: '^([a-z0-9][-a-z0-9_.]*)?[a-z0-9]$',
          }),
          namespace: text('The namespace.', { minLength: 1 }),
        },
        {
          'x-kubernetes-validations': [
            { rule: 'has(self.__namespace__) || has(self.name)', message: 'at least one field must be set' },
          ],
        },
      ),
    ),
  };
}

export const ALL_OR_SOME = {
  rule: '(has(self.all) && self.all) != (has(self.resourceSelector) && size(self.resourceSelector) > 0)',
  message: 'either "all" or "resourceSelector" must be set',
};

export const CLAIM_STATE = text('Whether the claim is granted.', { enum: ['Accepted', 'Rejected'] });

export const exportReference = (description: string) =>
  struct(
    description,
    {
      name: text('The name of the APIExport.'),
      path: text('The workspace that has it; by default this one.', { pattern: PATH_PATTERN }),
    },
    { required: ['name'] },
  );

export const REFERENCE_UNCHANGED = {
  'x-kubernetes-validations': [
    { rule: 'self == oldSelf', message: 'APIExport reference must not be changed' },
  ],
};

export const bindingReference = struct(
  'What is bound.',
  { export: exportReference('The APIExport; its binding needs the right to bind it.') },
  { oneOf: [{ required: ['export'] }], ...REFERENCE_UNCHANGED },
);

export const identity = struct('The secret that tells objects of this export from those of any other.', {
  secretRef: struct(
    'A Secret with the identity under the key "key"; made if there is none.',
    { name: text('Its name.'), namespace: text('Its namespace.') },
    { 'x-kubernetes-map-type': 'atomic' },
  ),
});

export const maximalPermissionPolicy = struct(
  'The most that users of a binding may do with what is exported, whatever their own workspace grants them.',
  {
    local: {
      description:
        'Rules of roles in the workspace of the export, for names and groups that begin with apis.kcp.io:binding:.',
      type: 'object',
    },
  },
  { oneOf: [{ required: ['local'] }] },
);

export const exportStatus = struct('What has become of the export.', {
  conditions: conditions('Whether it can be bound.'),
  identityHash: text('The hash of the identity; never changes once set.'),
  virtualWorkspaces: list(
    'Addresses of the virtual workspace; an APIExportEndpointSlice has them.',
    struct('One address.', { url: text('The address.', { minLength: 1 }) }, { required: ['url'] }),
  ),
});

const boundResources = keyedList(
  'What is bound at present.',
  ['group', 'resource'],
  struct(
    'One resource.',
    {
      group: text('Its group; empty for the core group.'),
      resource: text('Its plural name.'),
      schema: struct(
        'The APIResourceSchema that it is served by.',
        {
          UID: text('Its UID.', { minLength: 1 }),
          identityHash: text('The identity under which objects are stored.', { minLength: 1 }),
          name: text('Its name.', { minLength: 1 }),
        },
        { required: ['UID', 'identityHash', 'name'] },
      ),
      storageVersions: set('All versions in which objects were ever stored.', { type: 'string' }),
    },
    { required: ['group', 'resource', 'schema'] },
  ),
);

export function bindingStatus(claims: {
  applied: JsonSchemaProps;
  exported: JsonSchemaProps;
}): JsonSchemaProps {
  return struct('What has become of the binding.', {
    apiExportClusterName: text('The logical cluster of the export.'),
    appliedPermissionClaims: claims.applied,
    boundResources,
    conditions: conditions('Whether it is bound.'),
    exportPermissionClaims: claims.exported,
    phase: text('Nothing yet, Binding or Bound.', { enum: ['', 'Binding', 'Bound'] }),
  });
}
