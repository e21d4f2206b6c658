import { aggregatedRules, RBAC_GROUP, type rbacv1 } from '../../kube/index.ts';
import { CLUSTER_ROLES, type ClusterRoleRow } from './cluster-roles.ts';
import { CONTROLLER_ROLES, OWN_CONTROLLER_ROLES } from './controller-roles.ts';
import { KCP_BINDINGS, KCP_ROLES } from './kcp-roles.ts';
import { EVENTS, READ, type RuleRow, ruleOf } from './rule-table.ts';

export const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const API_VERSION = `${RBAC_GROUP}/v1`;
const CONTROLLER = 'system:controller:';
const OWN_CONTROLLER = 'orrery:controller:';
const SYSTEM = 'kube-system';
const PUBLIC = 'kube-public';

type Metadata = rbacv1.Role['metadata'];

function metadataOf(
  name: string,
  namespace?: string,
  labels: Readonly<Record<string, string>> = {},
): Metadata {
  // What else metadata has the server fills in.
  return {
    name,
    ...(namespace !== undefined && { namespace }),
    labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults', ...labels },
    annotations: { [AUTOUPDATE]: 'true' },
  } as Partial<Metadata> as Metadata;
}

function aggregateLabel(to: string): Record<string, string> {
  return { [`${RBAC_GROUP}/aggregate-to-${to}`]: 'true' };
}

function clusterRole(name: string, row: ClusterRoleRow): rbacv1.ClusterRole {
  const { rules, aggregates, aggregateTo } = row;
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRole',
    metadata: metadataOf(name, undefined, aggregateTo === undefined ? {} : aggregateLabel(aggregateTo)),
    ...(aggregates !== undefined && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateLabel(aggregates) }] },
    }),
    rules: (rules ?? []).map(ruleOf),
  };
}

/**
 * Every default ClusterRole. What is aggregated already holds its rules, so that it works before any controller runs;
 * `view` is filled before `edit`, and that before `admin`.
 */
export function defaultClusterRoles(): rbacv1.ClusterRole[] {
  const roles = [
    ...Object.entries({ ...CLUSTER_ROLES, ...KCP_ROLES }).map(([name, row]) => clusterRole(name, row)),
    ...Object.entries(CONTROLLER_ROLES).map(([name, rules]) => clusterRole(CONTROLLER + name, { rules })),
    ...Object.entries(OWN_CONTROLLER_ROLES).map(([name, rules]) =>
      clusterRole(OWN_CONTROLLER + name, { rules }),
    ),
  ];
  for (const name of ['view', 'edit', 'admin']) {
    const role = roles.find(({ metadata }) => metadata.name === name)!;
    role.rules = aggregatedRules(role, roles);
  }
  return roles;
}

/** `user:`, `group:` or `account:<namespace>:` before a name. */
function subjectOf(text: string): rbacv1.Subject {
  const [kind, ...rest] = text.split(' ') as [string, string, string?];
  if (kind === 'account') return { kind: 'ServiceAccount', namespace: rest[0]!, name: rest[1]! };
  return { kind: kind === 'user' ? 'User' : 'Group', apiGroup: RBAC_GROUP, name: rest[0]! };
}

const AUTHENTICATED = 'group system:authenticated';

/** ClusterRole → who has it; bound under the role's own name. The nodes' role is kept, and bound to nobody. */
const CLUSTER_BINDINGS: Readonly<Record<string, readonly string[]>> = {
  'cluster-admin': ['group system:masters'],
  'system:monitoring': ['group system:monitoring'],
  'system:discovery': [AUTHENTICATED],
  'system:basic-user': [AUTHENTICATED],
  'system:public-info-viewer': [AUTHENTICATED, 'group system:unauthenticated'],
  'system:node-proxier': ['user system:kube-proxy'],
  'system:kube-controller-manager': ['user system:kube-controller-manager'],
  'system:kube-dns': [`account ${SYSTEM} kube-dns`],
  'system:kube-scheduler': ['user system:kube-scheduler'],
  'system:volume-scheduler': ['user system:kube-scheduler'],
  'system:service-account-issuer-discovery': ['group system:serviceaccounts'],
  'system:cluster-trust-bundle-discovery': ['group system:serviceaccounts'],
  'system:node': [],
};

/** Each role of a table to the account of its name. */
function accountsOf(prefix: string, roles: Readonly<Record<string, unknown>>) {
  return Object.keys(roles).map((name) => [prefix + name, [`account ${SYSTEM} ${name}`]] as const);
}

function roleRef(kind: 'Role' | 'ClusterRole', name: string): rbacv1.RoleRef {
  return { apiGroup: RBAC_GROUP, kind, name };
}

export function defaultClusterRoleBindings(): rbacv1.ClusterRoleBinding[] {
  const bindings = [
    ...Object.entries(CLUSTER_BINDINGS),
    ...accountsOf(CONTROLLER, CONTROLLER_ROLES),
    ...accountsOf(OWN_CONTROLLER, OWN_CONTROLLER_ROLES),
  ];
  const rows = [
    ...bindings.map(([name, subjects]) => ({ name, role: name, subjects })),
    ...Object.entries(KCP_BINDINGS).map(([name, row]) => ({ name, ...row })),
  ];
  return rows.map(({ name, role, subjects }) => ({
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: metadataOf(name),
    ...(subjects.length > 0 && { subjects: subjects.map(subjectOf) }),
    roleRef: roleRef('ClusterRole', role),
  }));
}

interface NamespacedRow {
  namespace: string;
  role: string;
  rules: readonly RuleRow[];
  /** Default: the role's name. */
  binding?: string;
  subjects: readonly string[];
}

function leaderLocking(component: string): NamespacedRow {
  return {
    namespace: SYSTEM,
    role: `system::leader-locking-${component}`,
    rules: [
      ['watch', 'core', 'configmaps'],
      ['get update', 'core', 'configmaps', component],
    ],
    subjects: [`user system:${component}`, `account ${SYSTEM} ${component}`],
  };
}

/** Source: bootstrappolicy/namespace_policy.go. */
const NAMESPACED: readonly NamespacedRow[] = [
  {
    namespace: SYSTEM,
    role: 'extension-apiserver-authentication-reader',
    rules: [[READ, 'core', 'configmaps', 'extension-apiserver-authentication']],
    binding: 'system::extension-apiserver-authentication-reader',
    subjects: ['user system:kube-controller-manager', 'user system:kube-scheduler'],
  },
  {
    namespace: SYSTEM,
    role: `${CONTROLLER}bootstrap-signer`,
    rules: [[READ, 'core', 'secrets']],
    subjects: [`account ${SYSTEM} bootstrap-signer`],
  },
  {
    namespace: SYSTEM,
    role: `${CONTROLLER}cloud-provider`,
    rules: [[`create ${READ}`, 'core', 'configmaps']],
    subjects: [`account ${SYSTEM} cloud-provider`],
  },
  {
    namespace: SYSTEM,
    role: `${CONTROLLER}token-cleaner`,
    rules: [[`delete ${READ}`, 'core', 'secrets'], EVENTS],
    subjects: [`account ${SYSTEM} token-cleaner`],
  },
  leaderLocking('kube-controller-manager'),
  leaderLocking('kube-scheduler'),
  {
    namespace: PUBLIC,
    role: `${CONTROLLER}bootstrap-signer`,
    rules: [[READ, 'core', 'configmaps'], ['update', 'core', 'configmaps', 'cluster-info'], EVENTS],
    subjects: [`account ${SYSTEM} bootstrap-signer`],
  },
];

export function defaultRoles(): rbacv1.Role[] {
  return NAMESPACED.map(({ namespace, role, rules }) => ({
    apiVersion: API_VERSION,
    kind: 'Role',
    metadata: metadataOf(role, namespace),
    rules: rules.map(ruleOf),
  }));
}

export function defaultRoleBindings(): rbacv1.RoleBinding[] {
  return NAMESPACED.map(({ namespace, role, binding, subjects }) => ({
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: metadataOf(binding ?? role, namespace),
    subjects: subjects.map(subjectOf),
    roleRef: roleRef('Role', role),
  }));
}
