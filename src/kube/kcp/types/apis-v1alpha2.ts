import type { KubeObject } from '../../object.ts';
import type { metav1 } from '../../types/index.generated.ts';
import type { Condition } from './conditions.ts';

export interface Identity {
  secretRef?: { name?: string; namespace?: string };
}

export interface PermissionClaimSelector extends metav1.LabelSelector {
  matchAll?: boolean;
}

export interface PermissionClaim {
  group?: string;
  resource: string;
  identityHash?: string;
  verbs: string[];
  defaultSelector?: PermissionClaimSelector;
}

export interface ScopedPermissionClaim extends PermissionClaim {
  selector: PermissionClaimSelector;
}

export interface AcceptablePermissionClaim extends ScopedPermissionClaim {
  state: 'Accepted' | 'Rejected';
}

export interface ResourceSchema {
  name: string;
  group: string;
  schema: string;
  storage?: {
    crd?: object;
    virtual?: { reference: { apiGroup?: string; kind: string; name: string } };
  };
}

export interface APIExport extends KubeObject {
  spec?: APIExportSpec;
  status?: APIExportStatus;
}

export interface APIExportSpec {
  resources?: ResourceSchema[];
  identity?: Identity;
  maximalPermissionPolicy?: { local?: object };
  permissionClaims?: PermissionClaim[];
}

export interface APIExportStatus {
  identityHash?: string;
  conditions?: Condition[];
  virtualWorkspaces?: { url: string }[];
}

export interface BindingReference {
  export?: { path?: string; name: string };
}

export interface APIBinding extends KubeObject {
  spec: APIBindingSpec;
  status?: APIBindingStatus;
}

export interface APIBindingSpec {
  reference: BindingReference;
  permissionClaims?: AcceptablePermissionClaim[];
  deletionPolicy?: 'Delete' | 'WaitForSuccessor';
}

export interface APIBindingStatus {
  apiExportClusterName?: string;
  boundResources?: BoundAPIResource[];
  phase?: '' | 'Binding' | 'Bound';
  conditions?: Condition[];
  appliedPermissionClaims?: ScopedPermissionClaim[];
  exportPermissionClaims?: PermissionClaim[];
}

export interface BoundAPIResource {
  group: string;
  resource: string;
  schema: { name: string; UID: string; identityHash: string };
  storageVersions?: string[];
}
