import type { StoredContent } from '../../client/index.ts';
import { type ConditionState, falseCondition } from '../../kube/index.ts';

const CONTENT_DELETED = 'WorkspaceContentDeleted';
const NAMESPACES = 'namespaces';
const RBAC = 'rbac.authorization.k8s.io';

/** What one pass over a logical cluster that ends left behind. */
export interface RemainingContent {
  left: readonly StoredContent[];
  failures: readonly string[];
}

export interface ContentPlan {
  /** Cluster-scoped, to be deleted now. Namespaces take what is in them along. */
  now: StoredContent[];
  /** Roles and bindings, by which somebody may still look at what holds the rest: at the very end. */
  last: StoredContent[];
}

/**
 * What of a logical cluster's content, outside of its namespaces, is deleted when. The LogicalCluster itself holds the deletion.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/core/logicalclusterdeletion/deletion.
 */
export function planContent(contents: readonly StoredContent[]): ContentPlan {
  const plan: ContentPlan = { now: [], last: [] };
  for (const content of contents) {
    const { group, resource, verbs } = content;
    if (!verbs.includes('delete')) continue;
    if (group === 'core.kcp.io' && resource === 'logicalclusters') continue;
    const isLast = group === RBAC && (resource === 'clusterroles' || resource === 'clusterrolebindings');
    (isLast ? plan.last : plan.now).push(content);
  }
  return plan;
}

export function isNamespaces({ group, resource }: Pick<StoredContent, 'group' | 'resource'>): boolean {
  return group === '' && resource === NAMESPACES;
}

/**
 * Why a logical cluster is still there, in kcp's words.
 *
 * @param finalizers on how many of the objects each stands.
 */
export function contentCondition(
  { left, failures }: RemainingContent,
  finalizers: ReadonlyMap<string, number>,
): ConditionState {
  const resources = new Map(left.map(({ group, resource, count }) => [`${resource}.${group}`, count]));
  const listed = (counts: ReadonlyMap<string, number>, word: string) =>
    [...counts].map(([name, count]) => `${name} ${word} ${count} resource instances`).sort();
  const remaining = listed(resources, 'has').join(', ');
  const held = listed(finalizers, 'in').join(', ');
  const messages = [
    remaining && `Some resources are remaining: ${remaining}`,
    held && `Some content in the logical cluster has finalizers remaining: ${held}`,
  ].filter((message) => message !== '');
  if (messages.length > 0)
    return falseCondition(CONTENT_DELETED, 'Info', 'SomeResourcesRemain', messages.join('; '));
  return falseCondition(CONTENT_DELETED, 'Error', 'ContentDeletionFailed', failures.join(', '));
}
