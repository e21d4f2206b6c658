import { BadRequest, Conflict, NotFound } from '../../base/index.ts';
import type { Containers, Filters } from '../libpod.ts';

/** Removes every container that does not run and fits the filters. */
export async function pruneContainers(
  containers: Containers,
  filters: Filters,
): Promise<{ deleted: string[]; reclaimedBytes: number }> {
  for (const key of Object.keys(filters))
    if (!['label', 'label!', 'until'].includes(key)) throw new BadRequest(`${key} is an invalid filter`);
  const deleted: string[] = [];
  let reclaimedBytes = 0;
  for (const entry of await containers.list({ all: true, size: true, filters })) {
    if (entry.isInfra || !['created', 'exited'].includes(entry.status)) continue;
    try {
      await containers.remove(entry.id);
    } catch (error) {
      // Started, used by another, or removed meanwhile: it is not to be pruned.
      if (error instanceof Conflict || error instanceof NotFound) continue;
      throw error;
    }
    deleted.push(entry.id);
    reclaimedBytes += entry.size?.rwBytes ?? 0;
  }
  return { deleted, reclaimedBytes };
}
