import { ROOT_WORKSPACE, type tenancyv1alpha1 } from '../../../kube/index.ts';
import type { StoredObjects } from '../../admission/admission.ts';
import { WorkspaceDirectory } from '../workspace-directory.ts';
import { PATH_ANNOTATION } from './logical-cluster-facts.ts';

type WorkspaceType = Readonly<tenancyv1alpha1.WorkspaceType>;
type Reference = tenancyv1alpha1.WorkspaceTypeReference;

export const WORKSPACE_TYPES = { group: 'tenancy.kcp.io', resource: 'workspacetypes' };

/** A type, and the logical cluster that has it. */
export interface FoundType {
  type: WorkspaceType;
  cluster: string;
  /** `root:team:app`: path and name. */
  qualifiedName: string;
}

/** Why a type cannot be used: a sentence of its own. */
export class TypeUnusable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TypeUnusable';
  }
}

/** Which WorkspaceTypes are meant, and what they extend. Source: kcp pkg/admission/workspacetypeexists. */
export class TypeResolution {
  readonly #objects: Pick<StoredObjects, 'find'>;
  readonly #directory: WorkspaceDirectory;

  constructor(objects: Pick<StoredObjects, 'find'>) {
    this.#objects = objects;
    this.#directory = new WorkspaceDirectory(objects);
  }

  /** @throws TypeUnusable */
  async get(path: string, name: string): Promise<FoundType> {
    const found = await this.#find(path, name);
    if (found === undefined)
      throw new TypeUnusable(`workspacetypes.tenancy.kcp.io ${JSON.stringify(`${path}:${name}`)} not found`);
    return found;
  }

  /**
   * The type that a Workspace in `path` refers to: one without a path is looked for there, then in each workspace above,
   * then in the root. @throws TypeUnusable
   */
  async resolve(path: string, reference: Reference): Promise<FoundType> {
    if (reference.path) return this.get(reference.path, reference.name);
    for (let at: string | undefined = path; at !== undefined; at = parentOf(at)) {
      const found = await this.#find(at, reference.name);
      if (found !== undefined) return found;
    }
    throw new TypeUnusable(`workspace type ${JSON.stringify(reference.name)} cannot be resolved`);
  }

  /** The type and all that it extends, itself last. @throws TypeUnusable for one that is missing or extends itself */
  async withExtended(found: FoundType): Promise<FoundType[]> {
    return [...(await this.#extended(found, new Set(), [])), found];
  }

  async #extended(
    { type, qualifiedName }: FoundType,
    seen: Set<string>,
    above: readonly string[],
  ): Promise<FoundType[]> {
    seen.add(qualifiedName);
    const path = [...above, qualifiedName];
    const extended: FoundType[] = [];
    for (const { path: from = '', name } of type.spec?.extend?.with ?? []) {
      const qualified = `${from}:${name}`;
      const at = path.indexOf(qualified);
      if (at >= 0)
        throw new TypeUnusable(
          `circular dependency detected in workspace type ${qualified}: ${path.slice(at).join(' -> ')}`,
        );
      if (seen.has(qualified)) continue;
      const base = await this.#find(from, name);
      if (base === undefined) throw new TypeUnusable(`unable to find inherited workspace type ${qualified}`);
      extended.push(base, ...(await this.#extended(base, seen, path)));
    }
    return extended;
  }

  async #find(path: string, name: string): Promise<FoundType | undefined> {
    const cluster = await this.#directory.resolve(path);
    if (cluster === undefined) return undefined;
    const type = await this.#objects.find<tenancyv1alpha1.WorkspaceType>(WORKSPACE_TYPES, {
      workspace: cluster,
      name,
    });
    if (type === undefined) return undefined;
    const canonical = type.metadata.annotations?.[PATH_ANNOTATION] ?? path;
    return { type, cluster, qualifiedName: `${canonical}:${name}` };
  }
}

/** The workspace above; of one that has none the root, which has none itself. */
function parentOf(path: string): string | undefined {
  const at = path.lastIndexOf(':');
  if (at >= 0) return path.slice(0, at);
  return path === ROOT_WORKSPACE ? undefined : ROOT_WORKSPACE;
}
