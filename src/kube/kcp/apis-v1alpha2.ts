import type { Resource } from '../resource.ts';
import {
  APIS_GROUP,
  bindingReference,
  bindingStatus,
  CLAIM_STATE,
  claimedResource,
  claimSelector,
  exportStatus,
  identity,
  maximalPermissionPolicy,
  RESOURCE_PATTERN,
} from './apis-parts.ts';
import { AGE_COLUMN, kcpResource } from './definition.ts';
import { keyedList, kindSchema, list, set, struct, text } from './schema-parts.ts';

const VERSION = 'v1alpha2';

const claimFields = {
  ...claimedResource({ group: '', identityHash: '' }),
  defaultSelector: claimSelector('What bindings that are made by a workspace type choose; all by default.'),
  verbs: set('What the provider may do; * for everything.', { type: 'string' }, { minItems: 1 }),
};

const NO_SELECTOR_OF_SUBRESOURCES = {
  rule: "!self.resource.contains('/') || !has(self.defaultSelector)",
  message: 'defaultSelector is not allowed on subresource claims',
};

const exportedClaim = struct(
  'A resource that the provider wants to see in the workspaces of its users.',
  claimFields,
  { required: ['resource', 'verbs'], 'x-kubernetes-validations': [NO_SELECTOR_OF_SUBRESOURCES] },
);

const scopedFields = {
  ...claimFields,
  selector: claimSelector('Which objects; never changes.', {
    'x-kubernetes-validations': [
      { rule: 'self == oldSelf', message: 'Permission claim selector is immutable' },
    ],
  }),
};

const appliedClaim = struct('A resource that the provider sees, and which objects of it.', scopedFields, {
  required: ['resource', 'selector', 'verbs'],
});

const decidedClaim = struct(
  'A resource that the provider wants to see, of which objects, and whether it may.',
  { ...scopedFields, state: CLAIM_STATE },
  { required: ['resource', 'selector', 'state', 'verbs'] },
);

const storage = struct(
  'Where its objects are.',
  {
    crd: {
      description: 'In the workspaces of the bindings, as those of any definition.',
      type: 'object',
    },
    virtual: struct(
      'In a virtual workspace.',
      {
        reference: struct(
          'The object whose status has the address of it.',
          {
            apiGroup: text('Its group; empty for the core group.'),
            kind: text('Its kind.'),
            name: text('Its name.'),
          },
          { required: ['kind', 'name'], 'x-kubernetes-map-type': 'atomic' },
        ),
      },
      { required: ['reference'] },
    ),
  },
  {
    default: { crd: {} },
    oneOf: [{ required: ['crd'] }, { required: ['virtual'] }],
    'x-kubernetes-validations': [
      { rule: 'has(self.crd) != has(self.virtual)', message: 'Exactly one of crd or virtual must be set' },
    ],
  },
);

const exportedResource = struct(
  'One resource.',
  {
    group: text('Its group; empty for the core group.'),
    name: text('Its plural name, or that of a subresource: virtualmachines/ssh.', {
      maxLength: 127,
      pattern: RESOURCE_PATTERN,
    }),
    schema: text('Its APIResourceSchema: version, name and group with dots between.'),
    storage,
  },
  { required: ['group', 'name', 'schema'] },
);

export const exportsResource: Resource = kcpResource({
  group: APIS_GROUP,
  version: VERSION,
  kind: 'APIExport',
  plural: 'apiexports',
  hasStatus: true,
  columns: [AGE_COLUMN],
  schema: kindSchema('APIExport offers an API to other workspaces, which use it through APIBindings.', {
    spec: struct('What is offered.', {
      identity,
      maximalPermissionPolicy,
      permissionClaims: keyedList(
        'Resources that the provider wants to see in the workspaces of its users.',
        ['group', 'resource'],
        exportedClaim,
      ),
      resources: keyedList('What is exported.', ['name', 'group'], exportedResource),
    }),
    status: exportStatus,
  }),
});

const CLAIM_KEYS = ['group', 'resource', 'identityHash'];

export const bindingsResource: Resource = kcpResource({
  group: APIS_GROUP,
  version: VERSION,
  kind: 'APIBinding',
  plural: 'apibindings',
  hasStatus: true,
  columns: [
    AGE_COLUMN,
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
  schema: kindSchema(
    'APIBinding serves in this workspace what another exports.',
    {
      spec: struct(
        'What is bound, and what its provider may see here.',
        {
          deletionPolicy: text('What becomes of the objects when the binding goes.', {
            default: 'Delete',
            enum: ['Delete', 'WaitForSuccessor'],
          }),
          permissionClaims: keyedList(
            'What was decided of the claims of the provider.',
            CLAIM_KEYS,
            decidedClaim,
          ),
          reference: bindingReference,
        },
        { required: ['reference'] },
      ),
      status: bindingStatus({
        applied: keyedList('Claims that are in force.', CLAIM_KEYS, appliedClaim),
        exported: list('Claims that the export makes.', exportedClaim),
      }),
    },
    { required: ['spec'] },
  ),
});
