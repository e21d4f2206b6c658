import type { Resource } from '../resource.ts';
import {
  ALL_OR_SOME,
  APIS_GROUP,
  bindingReference,
  bindingStatus,
  CLAIM_STATE,
  claimedObjects,
  claimedResource,
  exportReference,
  exportStatus,
  identity,
  maximalPermissionPolicy,
  REFERENCE_UNCHANGED,
} from './apis-parts.ts';
import { apiConversionSchema, apiResourceSchemaSchema } from './apis-schemas.ts';
import { AGE_COLUMN, kcpResource } from './definition.ts';
import { conditions, keyedList, kindSchema, list, set, struct, text } from './schema-parts.ts';

const VERSION = 'v1alpha1';

const exportedClaim = struct(
  'A resource that the provider wants to see in the workspaces of its users.',
  { ...claimedResource({ group: '' }), ...claimedObjects() },
  { required: ['resource'], 'x-kubernetes-validations': [ALL_OR_SOME] },
);

const boundClaim = struct(
  'A resource that the provider sees.',
  { ...claimedResource({}), ...claimedObjects() },
  { required: ['resource'], 'x-kubernetes-validations': [ALL_OR_SOME] },
);

const decidedClaim = struct(
  'A resource that the provider wants to see, and whether it may.',
  { ...claimedResource({}), ...claimedObjects(), state: CLAIM_STATE },
  { required: ['resource', 'state'], 'x-kubernetes-validations': [ALL_OR_SOME] },
);

/** Served, not stored. */
export const exportsV1alpha1: Resource = kcpResource({
  group: APIS_GROUP,
  version: VERSION,
  kind: 'APIExport',
  plural: 'apiexports',
  hasStatus: true,
  columns: [
    AGE_COLUMN,
    {
      name: 'Ready',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="VirtualWorkspaceURLsReady")].status',
    },
  ],
  schema: kindSchema('APIExport offers an API to other workspaces, which use it through APIBindings.', {
    spec: struct('What is offered.', {
      identity,
      latestResourceSchemas: set('APIResourceSchemas that are exported.', { type: 'string' }),
      maximalPermissionPolicy,
      permissionClaims: keyedList(
        'Resources that the provider wants to see in the workspaces of its users.',
        ['group', 'resource'],
        exportedClaim,
      ),
    }),
    status: exportStatus,
  }),
});

/** Served, not stored. */
export const bindingsV1alpha1: Resource = kcpResource({
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
          permissionClaims: list('What was decided of the claims of the provider.', decidedClaim),
          reference: bindingReference,
        },
        { required: ['reference'] },
      ),
      status: bindingStatus({
        applied: list('Claims that are in force.', boundClaim),
        exported: list('Claims that the export makes.', boundClaim),
      }),
    },
    { required: ['spec'] },
  ),
});

const endpointSliceSchema = kindSchema(
  'APIExportEndpointSlice says at which addresses the provider of an APIExport finds the objects of its users.',
  {
    spec: struct(
      'Of which export.',
      {
        export: { ...exportReference('The APIExport.'), ...REFERENCE_UNCHANGED },
        partition: text('A Partition of this workspace; all shards by default.'),
      },
      { required: ['export'] },
    ),
    status: struct('The addresses.', {
      conditions: conditions('Whether they are known.'),
      endpoints: keyedList(
        'One address for each shard.',
        ['url'],
        struct('One address.', { url: text('The address.', { minLength: 1 }) }, { required: ['url'] }),
      ),
      shardSelector: text('The labels of the shards, of the Partition.'),
    }),
  },
);

export const apisV1alpha1Resources: readonly Resource[] = [
  kcpResource({
    group: APIS_GROUP,
    version: VERSION,
    kind: 'APIResourceSchema',
    plural: 'apiresourceschemas',
    hasStatus: false,
    columns: [AGE_COLUMN],
    schema: apiResourceSchemaSchema,
  }),
  kcpResource({
    group: APIS_GROUP,
    version: VERSION,
    kind: 'APIConversion',
    plural: 'apiconversions',
    hasStatus: false,
    columns: [AGE_COLUMN],
    schema: apiConversionSchema,
  }),
  kcpResource({
    group: APIS_GROUP,
    version: VERSION,
    kind: 'APIExportEndpointSlice',
    plural: 'apiexportendpointslices',
    hasStatus: true,
    columns: [
      { name: 'Export', type: 'string', jsonPath: '.spec.export.name' },
      { name: 'Partition', type: 'string', jsonPath: '.spec.partition' },
      AGE_COLUMN,
    ],
    schema: endpointSliceSchema,
  }),
];
