import type { OrreryError } from '../../../base/index.ts';
import type { AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import type { WorkspaceDirectory } from '../workspace-directory.ts';
import { isPrivileged } from './privileged.ts';
import { refused } from './refusal.ts';

export interface ExportReference {
  path?: string;
  name: string;
}

/** Where an export is, and who may bind to it. */
export class BindAccess {
  readonly #parts: { objects: StoredObjects; directory: WorkspaceDirectory; roles: Authorizer };

  /** `roles`: those of a workspace alone, for who binds to an export need not come into its workspace. */
  constructor(parts: { objects: StoredObjects; directory: WorkspaceDirectory; roles: Authorizer }) {
    this.#parts = parts;
  }

  /**
   * The logical cluster of the export a request refers to.
   *
   * @throws Forbidden for who may not bind to it, the same whether there is such a workspace or export or not.
   */
  async check(request: AdmissionRequest, reference: ExportReference, kind: string): Promise<string> {
    const cluster = await this.#clusterOf(request.workspace, reference);
    if (cluster !== undefined && (await this.#mayBind(request, cluster, reference.name))) return cluster;
    throw this.#refusal(request, reference, kind);
  }

  async #clusterOf(here: string, { path, name }: ExportReference): Promise<string | undefined> {
    if (!path) return here;
    const { directory, objects } = this.#parts;
    const cluster = await directory.resolve(path);
    if (cluster === undefined || cluster === 'root') return cluster;
    const found = await objects.find(
      { group: APIS_GROUP, resource: 'apiexports' },
      { workspace: cluster, name },
    );
    return found === undefined ? undefined : cluster;
  }

  async #mayBind({ user }: AdmissionRequest, cluster: string, name: string): Promise<boolean> {
    // Parts of this process bind what somebody who may has told them to.
    if (isPrivileged(user)) return true;
    const resource = { group: APIS_GROUP, version: 'v1alpha1', resource: 'apiexports', name };
    const asked = { user, workspace: cluster, verb: 'bind', path: '', resource };
    return (await this.#parts.roles.authorize(asked)).verdict === 'allow';
  }

  #refusal(request: AdmissionRequest, { path, name }: ExportReference, kind: string): OrreryError {
    const action = request.operation === 'UPDATE' ? 'update' : 'create';
    const target = path ? `${path}:${name}` : name;
    return refused(request, `unable to ${action} ${kind}: no permission to bind to export ${target}`);
  }
}
