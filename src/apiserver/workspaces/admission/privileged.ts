import { MASTERS_GROUP, type User } from '../../http/messages.ts';

/** Groups of kcp's own components that make and change LogicalClusters. */
const SYSTEM_GROUPS = ['system:kcp:logical-cluster-admin', 'system:kcp:external-logical-cluster-admin'];
const BOOTSTRAPPER_GROUP = 'system:kcp:tenancy:workspace-bootstrapper';

/** Whether the system itself asks: its administrators, or a part of this process. */
export function isPrivileged({ groups, isInternal }: User): boolean {
  return isInternal === true || groups.includes(MASTERS_GROUP);
}

/** Whether somebody may make and change LogicalClusters as the system does. */
export function isLogicalClusterAdmin(user: User): boolean {
  return (
    isPrivileged(user) || [...SYSTEM_GROUPS, BOOTSTRAPPER_GROUP].some((one) => user.groups.includes(one))
  );
}
