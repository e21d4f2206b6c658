import type { HistoryRecord } from './media-types.ts';

/** What of an image tells which other it was made from. */
export interface TreeImage {
  id: string;
  diffIds: readonly string[];
  history: readonly HistoryRecord[];
}

/**
 * The parent of each image among those given: the one whose layers and history begin the image's own, and are
 * the longest to do so, at most one layer shorter. Nothing in an OCI image names its parent; Podman finds it so.
 *
 * @returns image id → parent's id
 */
export function parentsOf(images: readonly TreeImage[]): Map<string, string> {
  const parents = new Map<string, string>();
  for (const child of images) {
    let best: TreeImage | undefined;
    for (const one of images)
      if (isParent(one, child) && (best === undefined || one.history.length > best.history.length))
        best = one;
    if (best !== undefined) parents.set(child.id, best.id);
  }
  return parents;
}

function isParent(parent: TreeImage, child: TreeImage): boolean {
  const { history, diffIds } = parent;
  if (parent.id === child.id || history.length === 0 || history.length >= child.history.length) return false;
  if (diffIds.length > child.diffIds.length || diffIds.length < child.diffIds.length - 1) return false;
  return (
    diffIds.every((diffId, i) => diffId === child.diffIds[i]) &&
    history.every((entry, i) => isSameEntry(entry, child.history[i]!))
  );
}

function isSameEntry(a: HistoryRecord, b: HistoryRecord): boolean {
  return (
    a.created === b.created &&
    a.created_by === b.created_by &&
    a.author === b.author &&
    a.comment === b.comment &&
    (a.empty_layer ?? false) === (b.empty_layer ?? false)
  );
}
