import { equalJson, fieldErrorText, invalid, type tenancyv1alpha1 } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import { WORKSPACES } from '../workspace-directory.ts';
import {
  logicalClusterOf,
  OWNER_ANNOTATION,
  ownerOf,
  REQUIRED_GROUPS_ANNOTATION,
} from './logical-cluster-facts.ts';
import { isPrivileged } from './privileged.ts';
import { refused, writes } from './refusal.ts';

type Workspace = tenancyv1alpha1.Workspace;

/** Where a Workspace keeps what the system decided about it. */
const SYSTEM_ANNOTATIONS = [
  OWNER_ANNOTATION,
  REQUIRED_GROUPS_ANNOTATION,
  'internal.tenancy.kcp.io/cluster',
  'internal.tenancy.kcp.io/shard',
];

/**
 * Who makes a Workspace is its owner, and it asks of its users the groups that its parent asks of its own. Only the
 * system says where it lies, and its type and mount stay what they are.
 * Source: kcp pkg/admission/workspace; there annotations are guarded at the creation alone.
 */
export class WorkspaceAdmission implements AdmissionPlugin {
  readonly name = 'tenancy.kcp.io/Workspace';
  readonly #objects: Pick<StoredObjects, 'find'>;

  constructor(objects: Pick<StoredObjects, 'find'>) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    const { object, operation, user } = request;
    if (operation !== 'CREATE' || !writes(request, WORKSPACES)) return;
    const { metadata } = object!;
    const annotations = { ...metadata.annotations };
    const privileged = isPrivileged(user);
    if (!privileged) annotations[OWNER_ANNOTATION] = ownerOf(user);
    if (!privileged || annotations[REQUIRED_GROUPS_ANNOTATION] === undefined) {
      const groups = await this.#requiredGroups(request);
      if (groups === undefined) delete annotations[REQUIRED_GROUPS_ANNOTATION];
      else annotations[REQUIRED_GROUPS_ANNOTATION] = groups;
    }
    if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
    else delete metadata.annotations;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!writes(request, WORKSPACES)) return;
    const workspace = request.object as Workspace;
    if (request.operation === 'CREATE') await this.#validateCreate(request, workspace);
    else validateUpdate(request, workspace, request.oldObject as Readonly<Workspace>);
  }

  async #validateCreate(request: AdmissionRequest, { spec, metadata }: Workspace): Promise<void> {
    const refuse = (why: string) => refused(request, why);
    // kcp's own feature is an alpha, off by default. One that is stored would wait for ever.
    if (spec.mount !== undefined && spec.type === undefined)
      throw refuse('spec.mount is not supported: mounted workspaces are not served here');
    if (isPrivileged(request.user)) return;
    if (spec.cluster) throw refuse('spec.Cluster can only be set by system privileged users');
    if (spec.URL) throw refuse('spec.URL can only be set by system privileged users');
    const owner = ownerOf(request.user);
    if (metadata.annotations?.[OWNER_ANNOTATION] !== owner)
      throw refuse(`expected user annotation ${OWNER_ANNOTATION}=${owner}`);
    const groups = (await this.#requiredGroups(request)) ?? '';
    if ((metadata.annotations?.[REQUIRED_GROUPS_ANNOTATION] ?? '') !== groups)
      throw refuse(`missing required groups annotation ${REQUIRED_GROUPS_ANNOTATION}=${groups}`);
    if (spec.mount !== undefined) throw refuse('spec.type cannot be set for mounted workspaces');
  }

  async #requiredGroups(request: AdmissionRequest): Promise<string | undefined> {
    const { metadata } = await logicalClusterOf(this.#objects, request);
    return metadata.annotations?.[REQUIRED_GROUPS_ANNOTATION];
  }
}

function validateUpdate(request: AdmissionRequest, workspace: Workspace, old: Readonly<Workspace>): void {
  const privileged = isPrivileged(request.user);
  const refuse = (why: string) => refused(request, why);
  const why =
    old.spec.mount === undefined
      ? specChange(workspace, old, privileged)
      : mountChange(workspace, old, privileged);
  if (why !== undefined) throw refuse(why);
  if (privileged) return;
  const changed = SYSTEM_ANNOTATIONS.find(
    (key) => workspace.metadata.annotations?.[key] !== old.metadata.annotations?.[key],
  );
  if (changed !== undefined) throw refuse(`modification of reserved annotation: ${JSON.stringify(changed)}`);
}

/** What is wrong with a change of a workspace that has a logical cluster. */
function specChange(
  { spec, status }: Workspace,
  old: Readonly<Workspace>,
  privileged: boolean,
): string | undefined {
  const before = old.spec;
  if (before.cluster && !spec.cluster) return 'spec.cluster cannot be unset';
  if ((before.cluster ?? '') !== (spec.cluster ?? '') && !privileged)
    return 'spec.cluster can only be changed by system privileged users';
  if ((before.URL ?? '') !== (spec.URL ?? '') && !privileged)
    return 'spec.URL can only be changed by system privileged users';
  if (!equalJson(before.type, spec.type))
    return fieldErrorText(invalid('spec.type', spec.type ?? null, 'field is immutable'));
  if (old.status?.phase === 'Ready' || status?.phase !== 'Ready') return undefined;
  if (!spec.cluster) return `spec.cluster must be set for phase ${status.phase}`;
  return spec.URL ? undefined : `spec.URL must be set for phase ${status.phase}`;
}

function mountChange(
  { spec }: Workspace,
  { spec: before }: Readonly<Workspace>,
  privileged: boolean,
): string | undefined {
  for (const field of ['kind', 'name', 'namespace', 'apiVersion'] as const)
    if (before.mount!.ref[field] !== spec.mount?.ref[field]) return `spec.mount.${field} is immutable`;
  if (privileged) return undefined;
  if (spec.type !== undefined) return 'spec.type cannot be set for mounted workspaces';
  return before.type === undefined ? undefined : 'spec.type is immutable';
}
