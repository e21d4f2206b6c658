/**
 * kcp's logical cluster of the server itself, for `system:masters` alone. Here it holds ClusterRoles, which bindings of
 * every workspace may name, as the default ones; nothing else. It has no LogicalCluster object and no Workspace.
 * Source: LocalAdminCluster of kcp's Kubernetes, pkg/controlplane/apiserver; kcp pkg/authorization/local_authorizer.go.
 */
export const SYSTEM_ADMIN = 'system:admin';
