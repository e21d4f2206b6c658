import type { AdmissionPlugin } from '../../admission/admission.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { authenticationConfigurations } from './authentication-configurations.ts';
import { logicalClusterFinalizer } from './finalizer.ts';
import { logicalClusterAdmission } from './logical-cluster.ts';
import { ObjectCountLimit, type ObjectCountParts } from './object-count-limit.ts';
import { PathAnnotation } from './path-annotation.ts';
import { reservedDefinitionAnnotations, reservedDefinitionGroups } from './reserved-definitions.ts';
import { reservedMetadata } from './reserved-metadata.ts';
import { reservedNames } from './reserved-names.ts';
import { shardAdmission } from './shard.ts';
import { WorkspaceAdmission } from './workspace.ts';
import { workspaceTypeAdmission } from './workspace-type.ts';
import { WorkspaceTypeExists } from './workspace-type-exists.ts';

/** What kcp asks of its own kinds, and of everybody else's, in its order; before webhooks. */
export function workspacePlugins(
  parts: ObjectCountParts & {
    /** Those of a workspace alone, for who uses a type need not come into its workspace. */
    roles: Authorizer;
  },
): AdmissionPlugin[] {
  return [
    new WorkspaceAdmission(parts.objects),
    shardAdmission,
    workspaceTypeAdmission,
    new WorkspaceTypeExists(parts),
    authenticationConfigurations,
    logicalClusterFinalizer,
    logicalClusterAdmission,
    reservedDefinitionAnnotations,
    reservedDefinitionGroups,
    reservedNames,
    reservedMetadata,
    new PathAnnotation(parts.objects),
    new ObjectCountLimit(parts),
  ];
}
