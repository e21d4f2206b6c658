import type { Resource } from '../resource.ts';
import { AGE_COLUMN, kcpResource } from './definition.ts';
import { conditions, flag, initializers, kindSchema, list, phase, struct, text } from './schema-parts.ts';

/** Kinds of core.kcp.io; facts: kcp config/crds/core.kcp.io_*.yaml. */
const GROUP = 'core.kcp.io';
const VERSION = 'v1alpha1';

const owner = struct(
  'The object that this logical cluster belongs to: its Workspace. It goes with it.',
  {
    apiVersion: text('Its group and version.', { pattern: '^([^/]+/)?[^/]+$' }),
    cluster: text('The logical cluster it lies in.', { minLength: 1 }),
    name: text('Its name.', { minLength: 1 }),
    namespace: text('Its namespace, if it has one.'),
    resource: text('Its resource.', { minLength: 1 }),
    uid: text('Its UID.'),
  },
  { required: ['apiVersion', 'cluster', 'name', 'resource', 'uid'] },
);

const createdBy = struct('Who made the workspace.', {
  extra: {
    description: 'Extra attributes.',
    type: 'object',
    additionalProperties: { type: 'array', items: { type: 'string' } },
  },
  groups: list('The groups.', { type: 'string' }),
  uid: text('The UID.'),
  username: text('The name.'),
});

const logicalClusterSchema = kindSchema(
  'LogicalCluster stands, named cluster, in each logical cluster for that logical cluster itself.',
  {
    metadata: { type: 'object', properties: { name: { type: 'string', enum: ['cluster'] } } },
    spec: struct(
      'What the logical cluster is.',
      {
        createdBy,
        directlyDeletable: flag('Whether it goes when this object is deleted by a user.', { default: false }),
        initializers: initializers('What status.initializers begins with.'),
        owner,
        terminators: initializers('What status.terminators begins with.'),
      },
      { default: {} },
    ),
    status: struct(
      'What has become of it.',
      {
        URL: text('Where it is reached.'),
        conditions: conditions('Steps on its way.'),
        initializers: initializers('Controllers that must be done with it before it is ready.'),
        phase: phase('How far it has come.'),
        terminators: initializers('Controllers that must be done with it before it is deleted.'),
      },
      { default: {} },
    ),
  },
);

const url = (description: string) => text(description, { format: 'uri', minLength: 1 });

const shardSchema = kindSchema(
  'Shard is a server, or several on one store, on which logical clusters live.',
  {
    spec: struct(
      'Where the shard is reached.',
      {
        baseURL: url('Its own address.'),
        externalURL: url('The address in the URLs of workspaces; by default baseURL.'),
        virtualWorkspaceURL: url('The address of its virtual workspaces; by default baseURL.'),
      },
      { required: ['baseURL'] },
    ),
    status: struct('What is observed of the shard.', {
      capacity: {
        description: 'What can be scheduled onto it.',
        type: 'object',
        additionalProperties: {
          anyOf: [{ type: 'integer' }, { type: 'string' }],
          pattern:
            '^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$',
          'x-kubernetes-int-or-string': true,
        },
      },
      conditions: conditions('Its state.'),
    }),
  },
);

export const coreResources: readonly Resource[] = [
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'LogicalCluster',
    plural: 'logicalclusters',
    hasStatus: true,
    columns: [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'How far it has come' },
      { name: 'URL', type: 'string', jsonPath: '.status.URL', description: 'Where it is reached' },
      AGE_COLUMN,
    ],
    schema: logicalClusterSchema,
  }),
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'Shard',
    plural: 'shards',
    hasStatus: true,
    columns: [
      {
        name: 'Region',
        type: 'string',
        jsonPath: ".metadata.labels['region']",
        description: 'The region this shard is in',
      },
      { name: 'URL', type: 'string', jsonPath: '.spec.baseURL', description: 'Its own address' },
      {
        name: 'External URL',
        type: 'string',
        jsonPath: '.spec.externalURL',
        description: 'The address in the URLs of workspaces',
      },
      AGE_COLUMN,
    ],
    schema: shardSchema,
  }),
];
