import type { WorkspaceType } from '../types/tenancy-v1alpha1.ts';

/** What an initializer of our own does: bind what the types bind by default. */
export const API_BINDINGS_INITIALIZER = 'system:apibindings';
/** In each workspace: who made it may do everything in it. */
export const ADMIN_BINDING = 'workspace-admin';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

/** A type of a workspace, or one that it extends, and where it is. */
export interface PlacedType {
  type: Readonly<WorkspaceType>;
  /** The name of its logical cluster. */
  cluster: string;
  /** `root:team:app`: path and name. */
  qualifiedName: string;
}

/** Who has to prepare a workspace of these types, and to clean up after it: of a LogicalCluster's spec. */
export function lifecycleOfTypes(types: readonly PlacedType[]): {
  initializers?: string[];
  terminators?: string[];
} {
  const initializers = types
    .filter(({ type }) => type.spec?.initializer === true)
    .map(({ cluster, type }) => `${cluster}:${type.metadata.name}`);
  if (types.some(({ type }) => (type.spec?.defaultAPIBindings ?? []).length > 0))
    initializers.push(API_BINDINGS_INITIALIZER);
  const terminators = types
    .filter(({ type }) => type.spec?.terminator === true)
    .map(({ qualifiedName }) => qualifiedName);
  return {
    ...(initializers.length > 0 && { initializers }),
    ...(terminators.length > 0 && { terminators }),
  };
}

/** The ClusterRoleBinding of the user who made a workspace. */
export function adminBindingOf(userName: string) {
  return {
    metadata: { name: ADMIN_BINDING },
    subjects: [{ kind: 'User', apiGroup: RBAC_GROUP, name: userName }],
    roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: 'cluster-admin' },
  };
}
