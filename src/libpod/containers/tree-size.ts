import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of the files in a folder; what goes away meanwhile does not count. */
export async function treeBytes(folder: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) bytes += await treeBytes(path);
      else if (entry.isFile()) bytes += (await lstat(path)).size;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return bytes;
}
