import { Conflict } from '../../base/index.ts';
import type { ContainerListEntry, Containers } from '../libpod.ts';

/**
 * Runs the init containers among these, one after the other, each to its end; one made with `once` goes then.
 *
 * @returns the others. @throws Conflict when one of them fails
 */
export async function startInitContainers(
  containers: Containers,
  members: readonly ContainerListEntry[],
): Promise<ContainerListEntry[]> {
  const others: ContainerListEntry[] = [];
  const inits: { id: string; type: 'always' | 'once' }[] = [];
  for (const member of members) {
    const type = (await containers.inspect(member.id)).options.Podman?.InitContainerType;
    if (type === undefined) others.push(member);
    else inits.push({ id: member.id, type });
  }
  // When the pod runs already its init containers have done their work.
  if (others.some(({ status }) => status === 'running' || status === 'paused')) return others;
  for (const { id, type } of inits) {
    await containers.start(id);
    const exitCode = await containers.wait(id);
    if (exitCode !== 0) throw new Conflict(`init container ${id} exited with code ${exitCode}`);
    if (type === 'once') await containers.remove(id, { volumes: true });
  }
  return others;
}

/** Groups that can start at once: what a container needs (`--requires`) is in a group before. @throws Conflict for a circle */
export async function startOrder(
  containers: Containers,
  members: readonly ContainerListEntry[],
): Promise<ContainerListEntry[][]> {
  const needs = new Map<string, string[]>();
  for (const member of members)
    needs.set(
      member.id,
      (await containers.inspect(member.id)).dependencies.filter((id) => members.some((one) => one.id === id)),
    );
  return levelsOf(members, needs);
}

export function levelsOf<T extends { id: string }>(
  members: readonly T[],
  needs: ReadonlyMap<string, readonly string[]>,
): T[][] {
  const levels: T[][] = [];
  const done = new Set<string>();
  while (done.size < members.length) {
    const level = members.filter(
      ({ id }) => !done.has(id) && (needs.get(id) ?? []).every((needed) => done.has(needed)),
    );
    if (level.length === 0) throw new Conflict('containers of the pod wait for each other in a circle');
    for (const { id } of level) done.add(id);
    levels.push(level);
  }
  return levels;
}
