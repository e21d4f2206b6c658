import { messageOf, NotFound } from '../../base/index.ts';
import { type Client, type DiscoveredResource, PODS, type StoredContent } from '../../client/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import { ignoreNotFound } from '../context.ts';
import type { DeletionOutcome } from './namespace-conditions.ts';

const DELETION = { propagationPolicy: 'Background' } as const;

/**
 * Deletes everything in a namespace that the server itself stores, and tells what is still there: by one question of
 * what there is, not one for each kind. Pods go before what they depend on.
 */
export async function deleteStoredContent(client: Client, namespace: string): Promise<DeletionOutcome> {
  const contentFailures: string[] = [];
  let left = await client.contents(namespace);
  for (const isTurn of [isPods, (one: StoredContent) => !isPods(one)]) {
    const turn = left.filter(isTurn);
    if (turn.length === 0) continue;
    await Promise.all(
      turn.map((content) =>
        noteFailure(content, contentFailures, () => removeAll(client, namespace, content, undefined)),
      ),
    );
    left = await client.contents(namespace);
    if (left.some(isPods)) break;
  }
  const hasPods = left.some(isPods);
  const outcome = emptyOutcome({ contentFailures });
  for (const content of left.filter((one) => !hasPods || isPods(one))) {
    const { items } = await client.resource<KubeObject>(content).list({ namespace });
    countRemaining(nameOf(content), items, outcome);
  }
  return outcome;
}

/** The same over everything that is served, by whomever. */
export async function deleteServedContent(client: Client, namespace: string): Promise<DeletionOutcome> {
  const { resources, failures } = await client.discover();
  const deletable = resources.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'),
  );
  const contentFailures: string[] = [];
  const outcome = emptyOutcome({
    discoveryFailures: failures.map(({ groupVersion, error }) => ({
      groupVersion,
      message: messageOf(error),
    })),
    contentFailures,
  });
  const deleteAll = (ref: DiscoveredResource) =>
    noteFailure(ref, contentFailures, async () => {
      const resource = client.resource<KubeObject>(ref);
      let { items } = await resource.list({ namespace });
      if (items.length === 0) return;
      await removeAll(client, namespace, ref, items);
      ({ items } = await resource.list({ namespace }));
      countRemaining(nameOf(ref), items, outcome);
    });
  for (const resource of deletable.filter(isPods)) await deleteAll(resource);
  if (outcome.remaining.size > 0) return outcome;
  await Promise.all(deletable.filter((resource) => !isPods(resource)).map(deleteAll));
  return outcome;
}

interface GrowingOutcome extends DeletionOutcome {
  remaining: Map<string, number>;
  finalizers: Map<string, number>;
}

function emptyOutcome(more: Partial<DeletionOutcome>): GrowingOutcome {
  const counts = { remaining: new Map<string, number>(), finalizers: new Map<string, number>() };
  return { discoveryFailures: [], contentFailures: [], ...more, ...counts };
}

/** @param items what there is, when that is known. */
async function removeAll(
  client: Client,
  namespace: string,
  ref: DiscoveredResource,
  items: readonly KubeObject[] | undefined,
): Promise<void> {
  const resource = client.resource<KubeObject>(ref);
  if (ref.verbs.includes('deletecollection')) return resource.deleteCollection({ namespace, ...DELETION });
  for (const item of items ?? (await resource.list({ namespace })).items)
    await resource.delete(item.metadata.name, { namespace, ...DELETION }).catch(ignoreNotFound);
}

function countRemaining(name: string, items: readonly KubeObject[], outcome: GrowingOutcome): void {
  if (items.length > 0) outcome.remaining.set(name, items.length);
  for (const finalizer of items.flatMap((item) => item.metadata.finalizers ?? []))
    outcome.finalizers.set(finalizer, (outcome.finalizers.get(finalizer) ?? 0) + 1);
}

async function noteFailure(
  ref: DiscoveredResource,
  failures: string[],
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof NotFound)) failures.push(`${nameOf(ref)}: ${messageOf(error)}`);
  }
}

function nameOf({ resource, group }: DiscoveredResource): string {
  return `${resource}.${group}`;
}

function isPods({ group, resource }: DiscoveredResource): boolean {
  return group === PODS.group && resource === PODS.resource;
}
