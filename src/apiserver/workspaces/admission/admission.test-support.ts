import { type KubeObject, kcpResources } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from '../../admission/admission.ts';
import type { User } from '../../http/messages.ts';

export const JANE: User = { name: 'jane', groups: ['devs', 'system:authenticated'] };
export const ROOT: User = { name: 'admin', groups: ['system:masters'] };

/** Objects by `<workspace>/<resource>/<name>`, where the server has its store. */
export class FewObjects implements Pick<StoredObjects, 'find'> {
  readonly #objects = new Map<string, KubeObject>();

  put(workspace: string, resource: string, object: KubeObject): this {
    this.#objects.set(`${workspace}/${resource}/${object.metadata.name}`, object);
    return this;
  }

  delete(workspace: string, resource: string, name: string): void {
    this.#objects.delete(`${workspace}/${resource}/${name}`);
  }

  async find<T extends KubeObject>(
    { resource }: { group: string; resource: string },
    { workspace, name }: { workspace: string; name: string },
  ): Promise<Readonly<T> | undefined> {
    return this.#objects.get(`${workspace}/${resource}/${name}`) as T | undefined;
  }
}

export function named(name: string, more: object = {}): KubeObject {
  return { metadata: { name }, ...more } as KubeObject;
}

/** A LogicalCluster with these annotations. */
export function logicalCluster(annotations: Record<string, string>): KubeObject {
  return { metadata: { name: 'cluster', annotations } } as Partial<KubeObject> as KubeObject;
}

/** A write of one of kcp's kinds by Jane to `root`, unless it says otherwise. */
export function writeOf(
  resource: string,
  object: object,
  more: Partial<AdmissionRequest> = {},
): AdmissionRequest & { object: KubeObject } {
  return {
    operation: 'CREATE',
    resource: kcpResources.find(({ name }) => name === resource)!,
    workspace: 'root',
    name: (object as KubeObject).metadata.name,
    user: JANE,
    dryRun: false,
    ...more,
    object: structuredClone(object) as KubeObject,
  };
}

/** Why the plug-ins refuse it; undefined when they do not. */
export async function refusalOf(
  request: AdmissionRequest,
  ...plugins: AdmissionPlugin[]
): Promise<string | undefined> {
  try {
    for (const plugin of plugins) await plugin.mutate?.(request);
    for (const plugin of plugins) await plugin.validate?.(request);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
