import { workspaceOf } from '../../client/index.ts';
import {
  type corev1alpha1,
  type tenancyv1alpha1,
  trueCondition,
  withCondition,
  withSummary,
} from '../../kube/index.ts';

type WorkspaceType = tenancyv1alpha1.WorkspaceType;

const URLS_READY = 'VirtualWorkspaceURLsReady';

/**
 * Where those who initialize and those who terminate workspaces of a type see them, on every shard.
 * Source: github.com/kcp-dev/kcp pkg/reconciler/tenancy/workspacetype.
 *
 * @param path that of the logical cluster the type lies in.
 */
export function workspaceTypeStatus(
  type: WorkspaceType,
  path: string,
  shards: readonly corev1alpha1.Shard[],
  now: string,
): NonNullable<WorkspaceType['status']> {
  const { name } = type.metadata;
  const views = [
    { type: 'initializing', at: `initializingworkspaces/${workspaceOf(type)}:${name}` },
    { type: 'terminating', at: `terminatingworkspaces/${path}:${name}` },
  ] as const;
  const found = new Map<string, { url: string; type: 'initializing' | 'terminating' }>();
  for (const { spec } of shards) {
    if (!spec?.virtualWorkspaceURL) continue;
    const base = spec.virtualWorkspaceURL.replace(/\/+$/, '');
    for (const view of views) {
      const url = `${base}/services/${view.at}`;
      found.set(url, { url, type: view.type });
    }
  }
  const virtualWorkspaces = [...found.values()].sort((a, b) => (a.url < b.url ? -1 : 1));
  const conditions = withCondition(type.status?.conditions, trueCondition(URLS_READY), now);
  return {
    ...type.status,
    conditions: withSummary(conditions, [URLS_READY], now),
    ...(virtualWorkspaces.length > 0 && { virtualWorkspaces }),
  };
}
