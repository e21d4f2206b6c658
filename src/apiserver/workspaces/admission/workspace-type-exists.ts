import { equalJson, type tenancyv1alpha1 } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { WORKSPACES } from '../workspace-directory.ts';
import { logicalClusterOf, pathOf, TYPE_ANNOTATION } from './logical-cluster-facts.ts';
import { refused, writes } from './refusal.ts';
import { limitViolation } from './type-limits.ts';
import {
  type FoundType,
  type Sees,
  seesAll,
  TypeResolution,
  TypeUnusable,
  WORKSPACE_TYPES,
} from './type-resolution.ts';

type Workspace = tenancyv1alpha1.Workspace;

/**
 * A Workspace without a type gets the one that its parent's type names; its type exists, its maker may use it and all
 * that it extends, and parent and child suffer each other. What a type says of labels its Workspaces get.
 * Source: kcp pkg/admission/workspacetypeexists.
 */
export class WorkspaceTypeExists implements AdmissionPlugin {
  readonly name = 'tenancy.kcp.io/WorkspaceTypeExists';
  readonly #objects: Pick<StoredObjects, 'find'>;
  readonly #types: TypeResolution;
  readonly #roles: Authorizer;

  constructor(parts: { objects: Pick<StoredObjects, 'find'>; roles: Authorizer }) {
    this.#objects = parts.objects;
    this.#types = new TypeResolution(parts.objects);
    this.#roles = parts.roles;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (request.operation !== 'CREATE' || !writes(request, WORKSPACES)) return;
    const workspace = request.object as Workspace;
    // What is mounted is of no type.
    if (workspace.spec?.type === undefined && workspace.spec?.mount !== undefined) return;
    const parent = await logicalClusterOf(this.#objects, request, 'workspace type cannot be resolved: ');
    await this.#refusing(request, async () => {
      const reference = workspace.spec?.type ?? (await this.#defaultType(parent.metadata.annotations));
      const { type, qualifiedName } = await this.#types.resolve(
        pathOf(parent, request.workspace),
        reference,
        this.#seenBy(request),
      );
      const path = reference.path || qualifiedName.slice(0, qualifiedName.lastIndexOf(':'));
      workspace.spec = { ...workspace.spec, type: { name: reference.name, path } };
      const labels = type.spec?.additionalWorkspaceLabels;
      if (labels !== undefined) workspace.metadata.labels = { ...labels, ...workspace.metadata.labels };
    });
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!writes(request, WORKSPACES)) return;
    const { spec } = request.object as Workspace;
    if (request.operation === 'UPDATE') {
      const { spec: before } = request.oldObject as Readonly<Workspace>;
      if (!equalJson(before.type, spec.type)) throw refused(request, 'spec.type is immutable');
    } else if (spec.type !== undefined)
      await this.#refusing(request, () => this.#validateType(request, spec.type!));
  }

  /** @throws TypeUnusable */
  async #validateType(
    request: AdmissionRequest,
    reference: tenancyv1alpha1.WorkspaceTypeReference,
  ): Promise<void> {
    if (!reference.path) throw new TypeUnusable('spec.type.path must be set');
    const sees = this.#seenBy(request);
    const child = await this.#types.get(reference.path, reference.name, sees);
    const aliases = await this.#types.withExtended(child, sees);
    for (const alias of aliases) await this.#checkUse(request, alias);
    const logicalCluster = await logicalClusterOf(
      this.#objects,
      request,
      'workspace type cannot be resolved: ',
    );
    const { path, name } = parentTypeOf(logicalCluster.metadata.annotations);
    const parent = await this.#types.get(path, name, seesAll);
    const why = limitViolation(
      { qualifiedName: `${path}:${name}`, aliases: await this.#types.withExtended(parent, seesAll) },
      { qualifiedName: `${reference.path}:${reference.name}`, aliases },
    );
    if (why !== undefined) throw new TypeUnusable(why);
  }

  async #checkUse(request: AdmissionRequest, type: FoundType): Promise<void> {
    if (!(await this.#may(request, 'use', type)))
      throw new TypeUnusable(
        `unable to use cluster workspace type ${type.qualifiedName}: missing verb='use' permission on workspacetype`,
      );
  }

  /** Who may neither use a type nor look at it does not learn whether there is one. */
  #seenBy(request: AdmissionRequest): Sees {
    return async (type) => (await this.#may(request, 'use', type)) || (await this.#may(request, 'get', type));
  }

  async #may({ user }: AdmissionRequest, verb: string, { type, cluster }: FoundType): Promise<boolean> {
    // Parts of this process do what somebody who may has told them to.
    if (user.isInternal === true) return true;
    const { verdict } = await this.#roles.authorize({
      user,
      workspace: cluster,
      verb,
      path: '',
      resource: { ...WORKSPACE_TYPES, version: 'v1alpha1', name: type.metadata.name },
    });
    return verdict === 'allow';
  }

  async #defaultType(
    annotations: Readonly<Record<string, string>> | undefined,
  ): Promise<tenancyv1alpha1.WorkspaceTypeReference> {
    const { path, name } = parentTypeOf(annotations);
    const { type } = await this.#parentType(path, name);
    const reference = type.spec?.defaultChildWorkspaceType;
    if (reference === undefined)
      throw new TypeUnusable(`spec.defaultChildWorkspaceType of workspace type ${path}:${name} must be set`);
    return reference;
  }

  async #parentType(path: string, name: string): Promise<FoundType> {
    try {
      return await this.#types.get(path, name, seesAll);
    } catch (error) {
      if (!(error instanceof TypeUnusable)) throw error;
      throw new TypeUnusable(`parent type cannot be resolved: ${error.message}`);
    }
  }

  async #refusing(request: AdmissionRequest, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      if (error instanceof TypeUnusable) throw refused(request, error.message);
      throw error;
    }
  }
}

/** Of what type the logical cluster is. @throws TypeUnusable */
function parentTypeOf(annotations: Readonly<Record<string, string>> | undefined) {
  const text = annotations?.[TYPE_ANNOTATION];
  if (text === undefined)
    throw new TypeUnusable(`annotation ${TYPE_ANNOTATION} on LogicalCluster must be set`);
  const at = text.lastIndexOf(':');
  if (at < 0)
    throw new TypeUnusable(
      `annotation ${TYPE_ANNOTATION} on LogicalCluster must be in the form of cluster:name`,
    );
  return { path: text.slice(0, at), name: text.slice(at + 1) };
}
