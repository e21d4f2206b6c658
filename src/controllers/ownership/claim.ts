import { Invalid, NotFound } from '../../base/index.ts';
import { type Client, type ResourceRef, workspaceOf } from '../../client/index.ts';
import type { KubeObject, Selector } from '../../kube/index.ts';
import { controllerOf, controllerRefTo } from './controller-ref.ts';

export type Claim = 'keep' | 'adopt' | 'release' | 'ignore';

/**
 * What the manager does with an object: keeps what it manages and selects, releases what it manages and no
 * longer selects, adopts a matching orphan. Nothing is adopted or released while either is being deleted.
 */
export function decideClaim(manager: KubeObject, selector: Selector, object: KubeObject): Claim {
  const controller = controllerOf(object);
  const matches = selector.matches(object.metadata.labels);
  if (controller !== undefined) {
    if (controller.uid !== manager.metadata.uid) return 'ignore';
    if (matches) return 'keep';
    return manager.metadata.deletionTimestamp === undefined ? 'release' : 'ignore';
  }
  if (!matches || manager.metadata.deletionTimestamp !== undefined) return 'ignore';
  return object.metadata.deletionTimestamp === undefined ? 'adopt' : 'ignore';
}

export interface ClaimOptions<T extends KubeObject> {
  client: Client;
  manager: KubeObject;
  managerResource: ResourceRef;
  resource: ResourceRef;
  selector: Selector;
  candidates: readonly T[];
}

/**
 * Decides for each candidate and carries it out; returns those that the manager manages now. Before the
 * first adoption the manager is read anew: one that was deleted meanwhile adopts nothing.
 */
export async function claimObjects<T extends KubeObject>(options: ClaimOptions<T>): Promise<T[]> {
  const { manager, candidates, selector } = options;
  const claimed: T[] = [];
  let mayAdopt: Promise<boolean> | undefined;
  for (const object of candidates) {
    const claim = decideClaim(manager, selector, object);
    if (claim === 'keep') claimed.push(object);
    else if (claim === 'release') await release(options, object);
    else if (claim === 'adopt') {
      mayAdopt ??= stillAlive(options);
      if (!(await mayAdopt)) continue;
      const adopted = await adopt(options, object);
      if (adopted !== undefined) claimed.push(adopted);
    }
  }
  return claimed;
}

async function stillAlive({ client, manager, managerResource }: ClaimOptions<KubeObject>): Promise<boolean> {
  const { name, namespace, uid } = manager.metadata;
  try {
    const fresh = await client.in(workspaceOf(manager)).resource(managerResource).get(name, namespace);
    return fresh.metadata.uid === uid && fresh.metadata.deletionTimestamp === undefined;
  } catch (error) {
    if (error instanceof NotFound) return false;
    throw error;
  }
}

async function adopt<T extends KubeObject>(options: ClaimOptions<T>, object: T): Promise<T | undefined> {
  const { manager, managerResource } = options;
  const ownerReferences = [
    ...(object.metadata.ownerReferences ?? []),
    controllerRefTo(manager, managerResource),
  ];
  return patchOwners(options, object, ownerReferences);
}

async function release<T extends KubeObject>(options: ClaimOptions<T>, object: T): Promise<void> {
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter(
    (reference) => reference.uid !== options.manager.metadata.uid,
  );
  await patchOwners(options, object, ownerReferences);
}

/** Undefined when the object is gone or is another one by now. */
async function patchOwners<T extends KubeObject>(
  options: ClaimOptions<T>,
  object: T,
  ownerReferences: object[],
): Promise<T | undefined> {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  const body = { metadata: { uid, resourceVersion, ownerReferences } };
  const resource = options.client.in(workspaceOf(object)).resource<T>(options.resource);
  try {
    return await resource.patch(
      name,
      { type: 'merge', body },
      { ...(namespace !== undefined && { namespace }) },
    );
  } catch (error) {
    if (error instanceof NotFound || error instanceof Invalid) return undefined;
    throw error;
  }
}
