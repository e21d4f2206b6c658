import { readdirSync, readFileSync, renameSync, type Stats, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { processIdentity } from '../system/process-identity.ts';

/** The source of the mount by which a process of our namespaces is known from outside. */
export const MARKER = 'orrery-rootless';

/** `PID START` of a process that lives in the user's namespaces; one of several, none other is meant by it. */
export function holderFile(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'holder');
}

export function readHolder(runtimeDirectory: string): string {
  try {
    return readFileSync(holderFile(runtimeDirectory), 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Whether the process that `PID START` names still lives. */
export function isHolderAlive(holder: string): boolean {
  const [pid, start] = holder.split(' ');
  return start !== undefined && processIdentity(Number(pid)) === `${pid}:${start}`;
}

/** The runtime directory whose namespaces this process is in: where the marker is mounted; undefined outside of any. */
export function enteredDirectory(): string | undefined {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const point = line.split(' ')[4];
    if (line.includes(` - tmpfs ${MARKER} `) && point?.endsWith('/marker')) return dirname(point);
  }
  return undefined;
}

/** Names a process of ours as the one to join. Quietly nothing when it has ended meanwhile. */
export function nameHolder(runtimeDirectory: string, pid: number): void {
  const identity = processIdentity(pid);
  if (identity === undefined) return;
  const temporary = `${holderFile(runtimeDirectory)}.${process.pid}`;
  writeFileSync(temporary, `${identity.replace(':', ' ')}\n`, { mode: 0o600 });
  renameSync(temporary, holderFile(runtimeDirectory));
}

/**
 * Any living process of the user's that has the marker mount in its mount namespace: what the file names may
 * have ended, and who would have named another may have been killed. Costs some milliseconds.
 */
export function findHolder(uid: number): string | undefined {
  const root = statSync('/');
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || !isMarked(name, uid, root)) continue;
    const identity = processIdentity(Number(name));
    if (identity !== undefined) return identity.replace(':', ' ');
  }
  return undefined;
}

function isMarked(pid: string, uid: number, root: Stats): boolean {
  try {
    if (statSync(`/proc/${pid}`).uid !== uid) return false;
    // runc has a copy of the mounts for the moment before it changes its root.
    if (readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('runc')) return false;
    if (!readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(` - tmpfs ${MARKER} `)) return false;
    // A container may mount what looks like the marker: its root is its own, and its programs would be run as ours.
    const { dev, ino } = statSync(`/proc/${pid}/root/`);
    return dev === root.dev && ino === root.ino;
  } catch (error) {
    // It ended while we looked, or hides itself: another will do.
    if (
      ['ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')
    )
      return false;
    throw error;
  }
}
