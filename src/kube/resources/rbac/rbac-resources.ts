import type { KubeObject } from '../../object.ts';
import { RBAC_GROUP } from '../../rbac/subjects.ts';
import type { Resource } from '../../resource.ts';
import type { rbacv1 } from '../../types/index.generated.ts';
import { builtin } from '../builtin.ts';
import { roleBindingColumns, roleColumns } from './rbac-columns.ts';
import {
  pathSegmentName,
  validateBinding,
  validateBindingUpdate,
  validateClusterRole,
  validateRole,
} from './rbac-validation.ts';

const common = { group: RBAC_GROUP, validateName: pathSegmentName };

/** k8s.io/kubernetes/pkg/apis/rbac/v1.SetDefaults_RoleBinding, SetDefaults_Subject. */
function defaultBinding(object: KubeObject): void {
  const { roleRef, subjects } = object as rbacv1.RoleBinding;
  if (roleRef !== undefined && !roleRef.apiGroup) roleRef.apiGroup = RBAC_GROUP;
  for (const subject of subjects ?? [])
    if (!subject.apiGroup && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = RBAC_GROUP;
}

export const rolesResource: Resource = {
  ...builtin({
    ...common,
    kind: 'Role',
    name: 'roles',
    schema: { ref: 'rbac/v1.Role' },
    columns: roleColumns,
  }),
  validateCreate: (object) => validateRole(object as rbacv1.Role),
  validateUpdate: (object) => validateRole(object as rbacv1.Role),
};

export const clusterRolesResource: Resource = {
  ...builtin({
    ...common,
    kind: 'ClusterRole',
    name: 'clusterroles',
    namespaced: false,
    schema: { ref: 'rbac/v1.ClusterRole' },
    columns: roleColumns,
  }),
  validateCreate: (object) => validateClusterRole(object as rbacv1.ClusterRole),
  validateUpdate: (object) => validateClusterRole(object as rbacv1.ClusterRole),
};

export const roleBindingsResource: Resource = {
  ...builtin({
    ...common,
    kind: 'RoleBinding',
    name: 'rolebindings',
    schema: { ref: 'rbac/v1.RoleBinding' },
    columns: roleBindingColumns,
  }),
  defaults: defaultBinding,
  validateCreate: (object) => validateBinding(object as rbacv1.RoleBinding, true),
  validateUpdate: (object, old) =>
    validateBindingUpdate(object as rbacv1.RoleBinding, old as rbacv1.RoleBinding, true),
};

export const clusterRoleBindingsResource: Resource = {
  ...builtin({
    ...common,
    kind: 'ClusterRoleBinding',
    name: 'clusterrolebindings',
    namespaced: false,
    schema: { ref: 'rbac/v1.ClusterRoleBinding' },
    columns: roleBindingColumns,
  }),
  defaults: defaultBinding,
  validateCreate: (object) => validateBinding(object as rbacv1.ClusterRoleBinding, false),
  validateUpdate: (object, old) =>
    validateBindingUpdate(object as rbacv1.ClusterRoleBinding, old as rbacv1.ClusterRoleBinding, false),
};
