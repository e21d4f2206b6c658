import { readdir } from 'node:fs/promises';
import { NotFound } from '../../../base/index.ts';
import { RootFolder } from '../../../engine/index.ts';
import type { ToolContext } from '../context.ts';

/**
 * Paths in an image or a container that go on from what is typed, as Podman suggests them: of a folder what is in it,
 * else its neighbours; folders end in `/`. None where it cannot be mounted: the shell suggests the host's then.
 */
export async function pathsInside(
  context: ToolContext,
  kind: 'IMAGE' | 'CONTAINER',
  name: string,
  typed: string,
): Promise<string[]> {
  try {
    return kind === 'IMAGE'
      ? await pathsInImage(context, name, typed)
      : await pathsInContainer(context, name, typed);
  } catch (error) {
    process.stderr.write(`[Debug] ${error instanceof Error ? error.message : error}\n`);
    return [];
  }
}

async function pathsInImage(context: ToolContext, name: string, typed: string): Promise<string[]> {
  const images = await context.images();
  const { id } = await images.inspect(name);
  const wasMounted = (await images.mountedImages()).some((one) => one.id === id);
  const root = await images.mountImage(id);
  try {
    return await continued(root, typed);
  } finally {
    if (!wasMounted) await images.unmountImage(id);
  }
}

async function pathsInContainer(context: ToolContext, name: string, typed: string): Promise<string[]> {
  const { containers } = await context.libpod();
  const root = await containers.mount(name);
  try {
    return await continued(root, typed);
  } finally {
    await containers.unmount(name);
  }
}

async function continued(root: string, typed: string): Promise<string[]> {
  const tree = new RootFolder(root);
  try {
    const whole = typed === '' ? '/' : typed;
    const inside = await entriesOf(tree, whole);
    if (inside?.length === 0) return [whole.endsWith('/') ? whole : `${whole}/`];
    const slash = whole.lastIndexOf('/') + 1;
    const [before, begun] = inside
      ? [whole.endsWith('/') ? whole : `${whole}/`, '']
      : [whole.slice(0, slash), whole.slice(slash)];
    const entries = inside ?? (await entriesOf(tree, before || '/')) ?? [];
    return entries.filter((entry) => entry.startsWith(begun)).map((entry) => before + entry);
  } finally {
    tree.close();
  }
}

/** @returns undefined where there is no such folder */
async function entriesOf(tree: RootFolder, path: string): Promise<string[] | undefined> {
  try {
    const folder = tree.find(path, { followLast: true, isFolder: true });
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}
