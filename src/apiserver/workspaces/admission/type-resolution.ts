import { type PlacedType, ROOT_WORKSPACE, type tenancyv1alpha1 } from '../../../kube/index.ts';
import type { StoredObjects } from '../../admission/admission.ts';
import { WorkspaceDirectory } from '../workspace-directory.ts';
import { PATH_ANNOTATION } from './logical-cluster-facts.ts';

type Reference = tenancyv1alpha1.WorkspaceTypeReference;

export const WORKSPACE_TYPES = { group: 'tenancy.kcp.io', resource: 'workspacetypes' };

/** A type, and the logical cluster that has it. */
export type FoundType = PlacedType;

/** Whether somebody knows of a type. One that he does not is to him as one that is not there. */
export type Sees = (type: FoundType) => Promise<boolean>;

/** For what the system itself refers to. */
export const seesAll: Sees = async () => true;

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
  async get(path: string, name: string, sees: Sees): Promise<FoundType> {
    const found = await this.#find(path, name, sees);
    if (found === undefined)
      throw new TypeUnusable(`workspacetypes.tenancy.kcp.io ${JSON.stringify(`${path}:${name}`)} not found`);
    return found;
  }

  /**
   * The type that a Workspace in `path` refers to: one without a path is looked for there, then in each workspace above,
   * then in the root. @throws TypeUnusable
   */
  async resolve(path: string, reference: Reference, sees: Sees): Promise<FoundType> {
    if (reference.path) return this.get(reference.path, reference.name, sees);
    for (let at: string | undefined = path; at !== undefined; at = parentOf(at)) {
      const found = await this.#find(at, reference.name, sees);
      if (found !== undefined) return found;
    }
    throw new TypeUnusable(`workspace type ${JSON.stringify(reference.name)} cannot be resolved`);
  }

  /** The type and all that it extends, itself last. @throws TypeUnusable for one that is missing or extends itself */
  async withExtended(found: FoundType, sees: Sees): Promise<FoundType[]> {
    const extended = new Map<string, FoundType>();
    await this.#extend(found, [], extended, sees);
    extended.delete(identityOf(found));
    return [...extended.values(), found];
  }

  async #extend(
    found: FoundType,
    above: readonly FoundType[],
    extended: Map<string, FoundType>,
    sees: Sees,
  ): Promise<void> {
    extended.set(identityOf(found), found);
    const path = [...above, found];
    for (const { path: from = '', name } of found.type.spec?.extend?.with ?? []) {
      const base = await this.#find(from, name, sees);
      if (base === undefined)
        throw new TypeUnusable(`unable to find inherited workspace type ${from}:${name}`);
      // By what it is: the same type may be referred to by path and by logical cluster.
      const at = path.findIndex((one) => identityOf(one) === identityOf(base));
      if (at >= 0) {
        const loop = path.slice(at).map(({ qualifiedName }) => qualifiedName);
        throw new TypeUnusable(
          `circular dependency detected in workspace type ${loop[0]}: ${loop.join(' -> ')}`,
        );
      }
      if (!extended.has(identityOf(base))) await this.#extend(base, path, extended, sees);
    }
  }

  async #find(path: string, name: string, sees: Sees): Promise<FoundType | undefined> {
    const cluster = await this.#directory.resolve(path);
    if (cluster === undefined) return undefined;
    const type = await this.#objects.find<tenancyv1alpha1.WorkspaceType>(WORKSPACE_TYPES, {
      workspace: cluster,
      name,
    });
    if (type === undefined) return undefined;
    const canonical = type.metadata.annotations?.[PATH_ANNOTATION] ?? path;
    const found = { type, cluster, qualifiedName: `${canonical}:${name}` };
    return (await sees(found)) ? found : undefined;
  }
}

function identityOf({ cluster, type }: FoundType): string {
  return `${cluster}/${type.metadata.name}`;
}

/** The workspace above; of one that has none the root, which has none itself. */
function parentOf(path: string): string | undefined {
  const at = path.lastIndexOf(':');
  if (at >= 0) return path.slice(0, at);
  return path === ROOT_WORKSPACE ? undefined : ROOT_WORKSPACE;
}
