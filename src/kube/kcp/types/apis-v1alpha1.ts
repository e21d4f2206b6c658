import type { CrdVersion } from '../../extensions/types.ts';
import type { KubeObject } from '../../object.ts';
import type { APIExportStatus, BindingReference, BoundAPIResource, Identity } from './apis-v1alpha2.ts';
import type { Condition } from './conditions.ts';

export interface APIResourceSchema extends KubeObject {
  spec: APIResourceSchemaSpec;
}

export interface APIResourceSchemaSpec {
  group: string;
  names: {
    plural: string;
    singular?: string;
    shortNames?: string[];
    kind: string;
    listKind?: string;
    categories?: string[];
  };
  scope: 'Cluster' | 'Namespaced';
  versions: APIResourceVersion[];
  nameValidation?: 'DNS1123Subdomain' | 'PathSegmentName';
  conversion?: {
    strategy: string;
    webhook?: { clientConfig?: { url?: string; caBundle?: string }; conversionReviewVersions: string[] };
  };
}

/** `schema` is the OpenAPI schema itself, with nothing around it. */
export type APIResourceVersion = Omit<CrdVersion, 'schema' | 'selectableFields'> & {
  schema: NonNullable<NonNullable<CrdVersion['schema']>['openAPIV3Schema']>;
};

export interface PermissionClaim {
  group?: string;
  resource: string;
  identityHash?: string;
  all?: boolean;
  resourceSelector?: { name?: string; namespace?: string }[];
}

export interface AcceptablePermissionClaim extends PermissionClaim {
  state: 'Accepted' | 'Rejected';
}

export interface APIExport extends KubeObject {
  spec?: {
    latestResourceSchemas?: string[];
    identity?: Identity;
    maximalPermissionPolicy?: { local?: object };
    permissionClaims?: PermissionClaim[];
  };
  status?: APIExportStatus;
}

export interface APIBinding extends KubeObject {
  spec: { reference: BindingReference; permissionClaims?: AcceptablePermissionClaim[] };
  status?: {
    apiExportClusterName?: string;
    boundResources?: BoundAPIResource[];
    phase?: '' | 'Binding' | 'Bound';
    conditions?: Condition[];
    appliedPermissionClaims?: PermissionClaim[];
    exportPermissionClaims?: PermissionClaim[];
  };
}

export interface APIExportEndpointSlice extends KubeObject {
  spec?: { export: { path?: string; name: string }; partition?: string };
  status?: { conditions?: Condition[]; endpoints?: { url: string }[]; shardSelector?: string };
}

export interface APIConversion extends KubeObject {
  spec: {
    conversions: {
      from: string;
      to: string;
      rules: { field: string; destination: string; transformation?: string }[];
      preserve?: string[];
    }[];
  };
}
