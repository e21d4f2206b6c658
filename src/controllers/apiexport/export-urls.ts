import { workspaceOf } from '../../client/index.ts';
import {
  type corev1alpha1,
  type KubeObject,
  labelSelectorAsSelector,
  type metav1,
} from '../../kube/index.ts';

/** Where the objects of an export's consumers are seen, on each shard that the selector means. */
export function exportUrls(
  exported: KubeObject,
  shards: readonly corev1alpha1.Shard[],
  selector?: metav1.LabelSelector,
): string[] {
  const meant = selector === undefined ? undefined : labelSelectorAsSelector(selector);
  const urls = shards
    .filter(({ metadata }) => meant?.matches(metadata.labels) ?? true)
    .map(({ spec }) => spec?.virtualWorkspaceURL || spec?.externalURL || spec?.baseURL || '')
    .filter((base) => base !== '')
    .map(
      (base) =>
        `${base.replace(/\/+$/, '')}/services/apiexport/${workspaceOf(exported)}/${exported.metadata.name}`,
    );
  return [...new Set(urls)].sort();
}
