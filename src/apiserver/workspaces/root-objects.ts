import { RBAC_GROUP, type tenancyv1alpha1 } from '../../kube/index.ts';
import type { ObjectClient, SentObject } from '../object-client.ts';

type Spec = NonNullable<tenancyv1alpha1.WorkspaceType['spec']>;

const ROOT_SHARD = 'root';
const SHARDS = '/apis/core.kcp.io/v1alpha1/shards';
const EXPORTS = '/apis/apis.kcp.io/v1alpha2/apiexports';
const TYPES = '/apis/tenancy.kcp.io/v1alpha1/workspacetypes';
const RBAC = `/apis/${RBAC_GROUP}/v1`;
const USE_TYPES = 'system:kcp:universal-workspacetype-use';
const BIND_TENANCY = 'system:kcp:apiexport:tenancy:bind';
const BIND_TOPOLOGY = 'system:kcp:apiexport:topology:bind';
const MAKE_HOME = 'system:kcp:home-workspace-create';

/**
 * What the first workspace has beside its LogicalCluster: the types that every tree of workspaces begins with, and for
 * everybody who is known the rights to come in, to look at workspaces and types, to use those types, and to have a home.
 * Run at every start: what is there is its owner's, but the one shard is where this server is.
 *
 * Source: kcp config/root, config/root-phase0. There the types bind tenancy and topology; here every workspace has them
 * built in, and their exports export nothing: they are there for their identities, which claims name, and to be bound
 * by who brings a type that does.
 */
export async function ensureRootObjects(client: ObjectClient, url: string): Promise<void> {
  await Promise.all([
    client.merge(SHARDS, rootShard(url)),
    ...ROOT_TYPES.map(({ name, spec }) =>
      client.ensure(TYPES, {
        apiVersion: 'tenancy.kcp.io/v1alpha1',
        kind: 'WorkspaceType',
        metadata: { name },
        spec,
      }),
    ),
    ...ROOT_EXPORTS.map((name) =>
      client.ensure(EXPORTS, { apiVersion: 'apis.kcp.io/v1alpha2', kind: 'APIExport', metadata: { name } }),
    ),
    ...ROOT_ROLES.map((role) => client.ensure(`${RBAC}/clusterroles`, role)),
    ...Object.entries(BINDINGS).map(([name, role]) =>
      client.ensure(`${RBAC}/clusterrolebindings`, bindingToAll(name, role)),
    ),
  ]);
}

/** By its label workspaces may ask for it. */
function rootShard(url: string): SentObject {
  return {
    apiVersion: 'core.kcp.io/v1alpha1',
    kind: 'Shard',
    metadata: { name: ROOT_SHARD, labels: { name: ROOT_SHARD } },
    spec: { baseURL: url, externalURL: url, virtualWorkspaceURL: url },
  };
}

const inRoot = (name: string) => ({ path: 'root', name });
const UNIVERSAL = inRoot('universal');
const EXTENDS_UNIVERSAL: Spec = { extend: { with: [UNIVERSAL] } };

const ROOT_TYPES: readonly { name: string; spec: Spec }[] = [
  { name: 'universal', spec: { defaultChildWorkspaceType: UNIVERSAL } },
  {
    name: 'root',
    spec: {
      ...EXTENDS_UNIVERSAL,
      defaultChildWorkspaceType: inRoot('organization'),
      limitAllowedParents: { none: true },
    },
  },
  {
    name: 'organization',
    spec: {
      ...EXTENDS_UNIVERSAL,
      defaultChildWorkspaceType: UNIVERSAL,
      limitAllowedChildren: { types: [UNIVERSAL] },
      limitAllowedParents: { types: [inRoot('root')] },
    },
  },
  {
    name: 'team',
    spec: {
      ...EXTENDS_UNIVERSAL,
      defaultChildWorkspaceType: UNIVERSAL,
      limitAllowedParents: { types: [inRoot('organization'), inRoot('team')] },
    },
  },
  {
    name: 'home',
    spec: {
      ...EXTENDS_UNIVERSAL,
      defaultChildWorkspaceType: UNIVERSAL,
      limitAllowedParents: { none: true },
    },
  },
];

const ROOT_EXPORTS = ['tenancy.kcp.io', 'topology.kcp.io', 'shards.core.kcp.io'];

const ROOT_ROLES: readonly SentObject[] = [
  role(USE_TYPES, 'use', 'tenancy.kcp.io workspacetypes', ['universal', 'organization', 'team']),
  role(BIND_TENANCY, 'bind', 'apis.kcp.io apiexports', ['tenancy.kcp.io']),
  role(BIND_TOPOLOGY, 'bind', 'apis.kcp.io apiexports', ['topology.kcp.io']),
  role(MAKE_HOME, 'create', 'tenancy.kcp.io workspaces', ['~']),
];

function role(name: string, verb: string, about: string, resourceNames: readonly string[]): SentObject {
  const [group, resource] = about.split(' ');
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRole',
    metadata: { name },
    rules: [{ apiGroups: [group], resources: [resource], resourceNames, verbs: [verb] }],
  };
}

/** Of everybody who is known, to the roles. */
const BINDINGS: Readonly<Record<string, string>> = {
  'system:kcp:authenticated:universal-workspacetype-use': USE_TYPES,
  'system:kcp:authenticated:apiexport:tenancy:bind': BIND_TENANCY,
  'system:kcp:authenticated:apiexport:topology:bind': BIND_TOPOLOGY,
  'system:kcp:authenticated:home-workspace-create': MAKE_HOME,
  'system:kcp:authenticated:tenancy:reader': 'system:kcp:tenancy:reader',
  'system:kcp:tenancy:authenticated:access': 'system:kcp:workspace:access',
};

function bindingToAll(name: string, role: string): SentObject {
  return {
    apiVersion: `${RBAC_GROUP}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: RBAC_GROUP, kind: 'Group', name: 'system:authenticated' }],
  };
}
