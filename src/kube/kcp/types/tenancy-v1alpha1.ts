import type { KubeObject } from '../../object.ts';
import type { metav1, rbacv1 } from '../../types/index.generated.ts';
import type { Condition } from './conditions.ts';
import type { LogicalClusterPhase } from './core-v1alpha1.ts';

export interface WorkspaceTypeReference {
  name: string;
  path?: string;
}

export interface Workspace extends KubeObject {
  spec: WorkspaceSpec;
  status?: WorkspaceStatus;
}

export interface WorkspaceSpec {
  type?: WorkspaceTypeReference;
  location?: { selector?: metav1.LabelSelector };
  cluster?: string;
  URL?: string;
  mount?: Mount;
}

export interface Mount {
  ref: { apiVersion: string; kind: string; name: string; namespace?: string };
}

export interface WorkspaceStatus {
  phase?: LogicalClusterPhase;
  conditions?: Condition[];
  initializers?: string[];
  terminators?: string[];
}

export interface WorkspaceType extends KubeObject {
  spec?: WorkspaceTypeSpec;
  status?: WorkspaceTypeStatus;
}

export interface WorkspaceTypeSpec {
  initializer?: boolean;
  terminator?: boolean;
  initializerPermissions?: rbacv1.PolicyRule[];
  terminatorPermissions?: rbacv1.PolicyRule[];
  extend?: { with?: WorkspaceTypeReference[] };
  additionalWorkspaceLabels?: Record<string, string>;
  defaultChildWorkspaceType?: WorkspaceTypeReference;
  limitAllowedChildren?: WorkspaceTypeSelector;
  limitAllowedParents?: WorkspaceTypeSelector;
  defaultAPIBindings?: APIExportReference[];
  defaultAPIBindingLifecycle?: 'InitializeOnly' | 'Maintain';
  authenticationConfigurations?: { name: string }[];
}

export interface WorkspaceTypeSelector {
  none?: boolean;
  types?: WorkspaceTypeReference[];
}

export interface APIExportReference {
  path?: string;
  export: string;
}

export interface WorkspaceTypeStatus {
  conditions?: Condition[];
  virtualWorkspaces?: { url: string; type?: 'initializing' | 'terminating' }[];
}

export interface WorkspaceAuthenticationConfiguration extends KubeObject {
  spec: { jwt: JWTAuthenticator[] };
}

export interface JWTAuthenticator {
  issuer: {
    url: string;
    discoveryURL?: string;
    certificateAuthority?: string;
    audiences?: string[];
    audienceMatchPolicy?: string;
  };
  claimMappings: {
    username: PrefixedClaimOrExpression;
    groups: PrefixedClaimOrExpression;
    uid?: { claim: string; expression?: string };
    extra?: { key: string; valueExpression: string }[];
  };
  claimValidationRules?: { claim: string; requiredValue: string; expression: string; message: string }[];
  userValidationRules?: { expression: string; message: string }[];
}

export interface PrefixedClaimOrExpression {
  claim: string;
  expression?: string;
  prefix?: string;
}
