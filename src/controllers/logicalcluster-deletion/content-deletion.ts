import { messageOf, NotFound } from '../../base/index.ts';
import type { Client, StoredContent } from '../../client/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import { ignoreNotFound } from '../context.ts';
import { isNamespaces, planContent, type RemainingContent } from './remaining-content.ts';

/**
 * Deletes what is in a logical cluster, as far as it goes at once: one question what there is, then one request for
 * each kind that has objects. Undefined when nothing is left; roles and bindings go with the last of the rest.
 */
export async function deleteContent(client: Client): Promise<RemainingContent | undefined> {
  const before = planContent(await client.contents());
  const failures: string[] = [];
  await Promise.all(before.now.map((content) => deleteAll(client, content, failures)));
  // A namespace is never gone at once: its own deletion is what brings us back here.
  const namespaces = before.now.filter(isNamespaces);
  if (namespaces.length > 0 && failures.length === 0) return { left: namespaces, failures };
  const after = before.now.length === 0 ? before : planContent(await client.contents());
  if (after.now.length > 0 || failures.length > 0) return { left: after.now, failures };
  for (const content of after.last) await deleteAll(client, content, failures);
  return failures.length === 0 ? undefined : { left: after.last, failures };
}

/** Finalizer → on how many of what is left it stands. */
export async function whatHolds(
  client: Client,
  { left }: RemainingContent,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const content of left) {
    const { items } = await client.resource<KubeObject>(content).list();
    for (const finalizer of items.flatMap(({ metadata }) => metadata.finalizers ?? []))
      counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
  }
  return counts;
}

async function deleteAll(client: Client, content: StoredContent, failures: string[]): Promise<void> {
  const resource = client.resource<KubeObject>(content);
  const options = { propagationPolicy: 'Background' } as const;
  try {
    if (content.verbs.includes('deletecollection') && !isNamespaces(content))
      return await resource.deleteCollection(options);
    const { items } = await resource.list();
    for (const { metadata } of items)
      if (metadata.deletionTimestamp === undefined)
        await resource.delete(metadata.name, options).catch(ignoreNotFound);
  } catch (error) {
    if (!(error instanceof NotFound))
      failures.push(`${content.resource}.${content.group}: ${messageOf(error)}`);
  }
}
