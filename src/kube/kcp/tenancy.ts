import type { JsonSchemaProps } from '../extensions/json-schema.ts';
import type { Resource } from '../resource.ts';
import { AGE_COLUMN, kcpResource } from './definition.ts';
import {
  conditions,
  flag,
  initializers,
  kindSchema,
  labelSelector,
  list,
  PATH_PATTERN,
  phase,
  struct,
  text,
  typeReference,
} from './schema-parts.ts';

/** Kinds of tenancy.kcp.io; facts: kcp config/crds/tenancy.kcp.io_*.yaml. */
const GROUP = 'tenancy.kcp.io';
const VERSION = 'v1alpha1';

const NAME: JsonSchemaProps = {
  type: 'string',
  minLength: 1,
  maxLength: 63,
  pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
};

const mount = struct(
  'An object that says where the traffic of this workspace goes instead; no logical cluster is made.',
  {
    ref: struct(
      'The object that is mounted, in the same workspace as this one.',
      {
        apiVersion: text('Its group and version.'),
        kind: text('Its kind.'),
        name: text('Its name.'),
        namespace: text('Its namespace, if it has one.'),
      },
      {
        required: ['apiVersion', 'kind', 'name'],
        'x-kubernetes-validations': ['apiVersion', 'kind', 'name'].map((field) => ({
          rule: `has(oldSelf.${field}) == has(self.${field})`,
          message: `${field} is immutable`,
        })),
      },
    ),
  },
  {
    required: ['ref'],
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'mount is immutable' }],
  },
);

const workspaceSpec = struct(
  'What the workspace is to be.',
  {
    URL: text('Where it is reached; set by the system.'),
    cluster: text('The name of its logical cluster; set by the system.', {
      'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'cluster is immutable' }],
    }),
    location: struct('Where it may be scheduled; anywhere by default.', {
      selector: labelSelector('Labels of the shards that are good for it.'),
    }),
    mount,
    type: typeReference(
      'The type it is made of; by default what the type of the parent names. Needs the right to use the type.',
      {
        'x-kubernetes-validations': [
          { rule: 'self.name == oldSelf.name', message: 'name is immutable' },
          { rule: 'has(oldSelf.path) == has(self.path)', message: 'path is immutable' },
          {
            rule: '!has(oldSelf.path) || !has(self.path) || self.path == oldSelf.path',
            message: 'path is immutable',
          },
        ],
      },
    ),
  },
  {
    default: {},
    'x-kubernetes-validations': [
      { rule: '!has(oldSelf.URL) || has(self.URL)', message: 'URL cannot be unset' },
      { rule: '!has(oldSelf.cluster) || has(self.cluster)', message: 'cluster cannot be unset' },
    ],
  },
);

const workspaceSchema = kindSchema(
  'Workspace is a cluster of its own within this one: discovery, OpenAPI and objects under a URL of its own.',
  {
    metadata: { type: 'object', properties: { name: NAME } },
    spec: workspaceSpec,
    status: struct(
      'What has become of the workspace.',
      {
        conditions: conditions('Steps on its way.'),
        initializers: initializers('Controllers that must be done with it before it is ready.'),
        phase: phase('How far it has come.'),
        terminators: initializers('Controllers that must be done with it before it is deleted.'),
      },
      { default: {} },
    ),
  },
  { required: ['spec'] },
);

const typeLimit = (description: string) =>
  struct(
    description,
    {
      none: flag('No type at all.'),
      types: list('These types, and those that extend them.', typeReference('One type.'), { minItems: 1 }),
    },
    { oneOf: [{ required: ['none'] }, { required: ['types'] }] },
  );

const strings = (description: string) =>
  list(description, { type: 'string' }, { 'x-kubernetes-list-type': 'atomic' });

const permissions = (description: string) =>
  list(
    description,
    struct(
      'One rule as those of roles.',
      {
        apiGroups: strings('Groups of the resources; * for all.'),
        nonResourceURLs: strings('Paths that are no resources.'),
        resourceNames: strings('Names of the objects; none for all.'),
        resources: strings('Resources; * for all.'),
        verbs: strings('What may be done; * for everything.'),
      },
      { required: ['verbs'] },
    ),
  );

const workspaceTypeSpec = struct('What workspaces of this type have in common.', {
  additionalWorkspaceLabels: {
    description: 'Labels that a Workspace of this type gets at its creation.',
    type: 'object',
    additionalProperties: { type: 'string' },
  },
  authenticationConfigurations: list(
    'Further ways to authenticate to workspaces of this type.',
    struct(
      'One WorkspaceAuthenticationConfiguration of this workspace.',
      { name: text('Its name.') },
      { required: ['name'] },
    ),
  ),
  defaultAPIBindingLifecycle: text('Whether default bindings are made once, or kept as the type says.', {
    enum: ['InitializeOnly', 'Maintain'],
  }),
  defaultAPIBindings: list(
    'APIs that are bound while a workspace is initialized.',
    struct(
      'One APIExport.',
      {
        export: text('Its name.'),
        path: text('The workspace that has it; by default the one of this type.', { pattern: PATH_PATTERN }),
      },
      { required: ['export'] },
    ),
  ),
  defaultChildWorkspaceType: typeReference('The type of workspaces below that name none; is not inherited.', {
    default: { name: 'universal', path: 'root' },
  }),
  extend: struct('Types whose initializers and limits this one takes over, and as which it counts.', {
    with: list('The types.', typeReference('One type.')),
  }),
  initializer: flag('Whether a controller of its own must be done before a workspace is ready.'),
  initializerPermissions: permissions('What that controller may do inside; by default what the owner may.'),
  limitAllowedChildren: typeLimit('Which types may be created below.'),
  limitAllowedParents: typeLimit('Below which types it may be created.'),
  terminator: flag('Whether a controller of its own must be done before a workspace is deleted.'),
  terminatorPermissions: permissions('What that controller may do inside; by default what the owner may.'),
});

const workspaceTypeSchema = kindSchema('WorkspaceType says how workspaces of this type behave.', {
  metadata: {
    type: 'object',
    properties: { name: { ...NAME, not: { enum: ['system', 'any'] } } },
  },
  spec: workspaceTypeSpec,
  status: struct('What has become of the type.', {
    conditions: conditions('Whether it can be used.'),
    virtualWorkspaces: list(
      'Where its controllers find their workspaces.',
      struct(
        'One address.',
        {
          type: text('For which controller.', { enum: ['initializing', 'terminating'] }),
          url: text('The address.', { minLength: 1 }),
        },
        { required: ['url'] },
      ),
    ),
  }),
});

const claim = (description: string, withPrefix: boolean) =>
  struct(
    description,
    {
      claim: text('The claim of the token.'),
      expression: text('A CEL expression over the claims.'),
      ...(withPrefix && { prefix: text('What is put before the value.') }),
    },
    { required: ['claim'] },
  );

const jwt = struct(
  'One issuer of tokens.',
  {
    claimMappings: struct(
      'How claims become a user.',
      {
        extra: list(
          'Extra attributes.',
          struct(
            'One attribute.',
            { key: text('Its key.'), valueExpression: text('A CEL expression of its value.') },
            { required: ['key', 'valueExpression'] },
          ),
        ),
        groups: claim('The groups.', true),
        uid: claim('The UID.', false),
        username: claim('The name.', true),
      },
      { required: ['groups', 'username'] },
    ),
    claimValidationRules: list(
      'What claims must be.',
      struct(
        'One rule.',
        {
          claim: text('The claim it is about.'),
          expression: text('A CEL expression that must be true.'),
          message: text('What is said when it is not.'),
          requiredValue: text('What the claim must be.'),
        },
        { required: ['claim', 'expression', 'message', 'requiredValue'] },
      ),
    ),
    issuer: struct(
      'Who issues the tokens.',
      {
        audienceMatchPolicy: text('How audiences are compared: MatchAny.'),
        audiences: list('For whom tokens must be.', { type: 'string' }),
        certificateAuthority: text('PEM of the authority that signs its certificate.'),
        discoveryURL: text('Where its discovery document lies, when not below its URL.'),
        url: text('Its URL, as in the iss claim.'),
      },
      { required: ['url'] },
    ),
    userValidationRules: list(
      'What the resulting user must be.',
      struct(
        'One rule.',
        {
          expression: text('A CEL expression that must be true.'),
          message: text('What is said when it is not.'),
        },
        { required: ['expression', 'message'] },
      ),
    ),
  },
  { required: ['claimMappings', 'issuer'] },
);

const authenticationSchema = kindSchema(
  'WorkspaceAuthenticationConfiguration says who else may authenticate to workspaces of the types that name it.',
  {
    spec: struct(
      'The ways to authenticate.',
      { jwt: list('Issuers of tokens.', jwt) },
      { required: ['jwt'] },
    ),
  },
  { required: ['metadata', 'spec'] },
);

export const tenancyResources: readonly Resource[] = [
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'Workspace',
    plural: 'workspaces',
    shortNames: ['ws'],
    hasStatus: true,
    columns: [
      { name: 'Type', type: 'string', jsonPath: '.spec.type.name', description: 'Type of the workspace' },
      {
        name: 'Region',
        type: 'string',
        jsonPath: ".metadata.labels['region']",
        description: 'The region this workspace is in',
      },
      { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'How far it has come' },
      { name: 'URL', type: 'string', jsonPath: '.spec.URL', description: 'Where it is reached' },
      AGE_COLUMN,
    ],
    schema: workspaceSchema,
  }),
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'WorkspaceType',
    plural: 'workspacetypes',
    hasStatus: true,
    columns: [],
    schema: workspaceTypeSchema,
  }),
  kcpResource({
    group: GROUP,
    version: VERSION,
    kind: 'WorkspaceAuthenticationConfiguration',
    plural: 'workspaceauthenticationconfigurations',
    hasStatus: false,
    columns: [],
    schema: authenticationSchema,
  }),
];
