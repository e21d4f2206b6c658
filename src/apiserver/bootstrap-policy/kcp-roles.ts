import type { ClusterRoleRow } from './cluster-roles.ts';
import { READ } from './rule-table.ts';

const ADMIN = 'system:kcp:admin';
const BOOTSTRAPPER = 'system:kcp:tenancy:workspace-bootstrapper';
const CLUSTER_ADMIN = 'system:kcp:logical-cluster-admin';
const EXTERNAL_CLUSTER_ADMIN = 'system:kcp:external-logical-cluster-admin';

const WORKSPACES_OF_ADMINS = ['delete update get', 'tenancy.kcp.io', 'workspaces'] as const;

/** kcp's ClusterRoles, which count in every workspace. Source: kcp pkg/authorization/bootstrap/policy.go. */
export const KCP_ROLES: Readonly<Record<string, ClusterRoleRow>> = {
  'system:kcp:workspace:access': { rules: [['access', '/']] },
  'system:kcp:tenancy:reader': {
    rules: [
      [READ, 'tenancy.kcp.io', 'workspaces'],
      [READ, 'tenancy.kcp.io', 'workspacetypes'],
      [READ, 'core.kcp.io', 'logicalclusters'],
    ],
  },
  [BOOTSTRAPPER]: {
    rules: [
      ['*', '*', '*'],
      ['*', '*'],
    ],
  },
  [CLUSTER_ADMIN]: {
    rules: [['*', 'core.kcp.io', 'logicalclusters logicalclusters/status'], WORKSPACES_OF_ADMINS],
  },
  [EXTERNAL_CLUSTER_ADMIN]: {
    rules: [
      ['delete update get', 'core.kcp.io', 'logicalclusters logicalclusters/status'],
      WORKSPACES_OF_ADMINS,
      ['get', 'core', 'serviceaccounts secrets'],
      ['access', '/'],
      ['update patch get', 'apis.kcp.io', 'apiexportendpointslices/status'],
      [READ, 'apis.kcp.io', 'apiexportendpointslices'],
    ],
  },
};

/** Binding → its role and who has it. */
export const KCP_BINDINGS: Readonly<Record<string, { role: string; subjects: readonly string[] }>> = {
  [`${ADMIN}:cluster-admin`]: { role: 'cluster-admin', subjects: [`group ${ADMIN}`] },
  [BOOTSTRAPPER]: {
    role: BOOTSTRAPPER,
    subjects: [`group ${BOOTSTRAPPER}`, `group apis.kcp.io:binding:${BOOTSTRAPPER}`],
  },
  [CLUSTER_ADMIN]: { role: CLUSTER_ADMIN, subjects: [`group ${CLUSTER_ADMIN}`] },
  [EXTERNAL_CLUSTER_ADMIN]: { role: EXTERNAL_CLUSTER_ADMIN, subjects: [`group ${EXTERNAL_CLUSTER_ADMIN}`] },
};
