import type { KubeObject } from '../../kube/index.ts';
import type { StoredObjects } from './admission.ts';

/** The name of the class that one of `annotations` marks as default, of several the newest; of one age the first. */
export async function defaultClassName(
  objects: StoredObjects,
  resource: { group: string; resource: string },
  options: { workspace: string; annotations: readonly string[] },
): Promise<string | undefined> {
  const { workspace, annotations } = options;
  const classes = await objects.list<KubeObject>(resource, { workspace });
  const [newest] = classes
    .map(({ object: { metadata } }) => metadata)
    .filter((metadata) => annotations.some((key) => metadata.annotations?.[key] === 'true'))
    .sort((a, b) => {
      const [left, right] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
      if (left !== right) return left < right ? 1 : -1;
      return a.name < b.name ? -1 : 1;
    });
  return newest?.name;
}
