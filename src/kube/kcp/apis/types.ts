import type { JsonSchemaProps } from '../../extensions/json-schema.ts';
import type { CrdNames, CrdVersion } from '../../extensions/types.ts';
import type { KubeObject } from '../../object.ts';
import type { corev1, metav1 } from '../../types/index.generated.ts';
import type { KcpCondition } from '../conditions.ts';

/** The kinds of apis.kcp.io in the version they are stored in: v1alpha2, or v1alpha1 where there is no other. */

export const APIS_GROUP = 'apis.kcp.io';

export type ApiResourceSchema = KubeObject & {
  spec: {
    group: string;
    names: CrdNames;
    scope: string;
    versions: ApiResourceVersion[];
    nameValidation?: string;
    conversion?: unknown;
  };
};

export type ApiResourceVersion = Omit<CrdVersion, 'schema'> & { schema: JsonSchemaProps };

export type ApiExport = KubeObject & {
  spec?: {
    resources?: ResourceSchema[];
    identity?: { secretRef?: corev1.SecretReference };
    maximalPermissionPolicy?: { local?: object };
    permissionClaims?: PermissionClaim[];
  };
  status?: {
    identityHash?: string;
    conditions?: KcpCondition[];
    virtualWorkspaces?: { url: string }[];
  };
};

export interface ResourceSchema {
  name: string;
  group: string;
  /** The name of an APIResourceSchema beside the export. */
  schema: string;
  storage?: { crd?: object; virtual?: object };
}

/** What a provider asks to see of its consumers' workspaces. */
export interface PermissionClaim {
  group?: string;
  resource: string;
  verbs: string[];
  /** '' or absent for what is built in. */
  identityHash?: string;
  defaultSelector?: ClaimSelector;
}

export type ClaimSelector = metav1.LabelSelector & { matchAll?: boolean };

export type ScopedPermissionClaim = PermissionClaim & { selector: ClaimSelector };

export type AcceptablePermissionClaim = ScopedPermissionClaim & { state: 'Accepted' | 'Rejected' };

export type ApiBinding = KubeObject & {
  spec: {
    reference: { export?: { path?: string; name: string } };
    permissionClaims?: AcceptablePermissionClaim[];
    deletionPolicy?: 'Delete' | 'WaitForSuccessor';
  };
  status?: {
    /** The name of the logical cluster of the export. */
    apiExportClusterName?: string;
    boundResources?: BoundResource[];
    phase?: '' | 'Binding' | 'Bound';
    conditions?: KcpCondition[];
    appliedPermissionClaims?: ScopedPermissionClaim[];
    exportPermissionClaims?: PermissionClaim[];
  };
};

export interface BoundResource {
  group: string;
  resource: string;
  schema: { name: string; UID: string; identityHash: string };
  storageVersions?: string[];
}

export type ApiExportEndpointSlice = KubeObject & {
  spec: { export: { path?: string; name: string }; partition?: string };
  status?: {
    endpoints?: { url: string }[];
    conditions?: KcpCondition[];
    shardSelector?: string;
  };
};
