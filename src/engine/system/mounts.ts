import { readFile } from 'node:fs/promises';
import { libc, MNT_DETACH, SystemCallFailed } from './libc.ts';

// mount(2)
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;

/** Mount points at or below `folder`, deepest (latest) first. */
export async function mountsBelow(folder: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points: string[] = [];
  for (const line of table.split('\n')) {
    const escaped = line.split(' ')[4];
    if (escaped === undefined) continue;
    // proc(5): space, tab, newline and backslash are written as octal escapes.
    const point = escaped.replace(/\\([0-7]{3})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 8)),
    );
    if (point === folder || point.startsWith(`${folder}/`)) points.push(point);
  }
  return points.reverse();
}

/** A file system in memory, in which nothing is a program or a device. */
export function mountTmpfs(folder: string, options: string): void {
  libc().mount('tmpfs', folder, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, options);
}

/** Unmounts whatever stands at `point`, even in use. @returns whether there was a mount. */
export function detachMount(point: string): boolean {
  try {
    libc().umount(point, MNT_DETACH);
    return true;
  } catch (error) {
    if (error instanceof SystemCallFailed && (error.errno === 'EINVAL' || error.errno === 'ENOENT'))
      return false;
    throw error;
  }
}
