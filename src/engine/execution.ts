/**
 * execution: a second door, for a process that lives long and must stay small. It runs commands in containers that
 * run, and knows nothing of images, networks or builds: what it loads is what it needs for that.
 */

import { isInGroup } from './containers/cgroups.ts';
import { execInContainer } from './containers/exec.ts';
import { sharesMounts } from './containers/processes.ts';
import { type ContainerRecord, Records } from './containers/records.ts';
import type { ExecSession } from './engine.ts';

export type { ExecSession } from './engine.ts';
export { withFileLock } from './system/lock.ts';
export { isProcessAlive, processIdentity } from './system/process-identity.ts';

export interface Execution {
  /** As the container's own user. `first`: the pid of the container's first process. */
  exec(id: string, command: string[], first: number | undefined): Promise<ExecSession>;
  /** @throws NotFound */
  about(id: string): Promise<Pick<ContainerRecord, 'name' | 'details'>>;
}

/** Over an engine's directory, which need not be open. */
export function openExecution({ directory, runc }: { directory: string; runc: string }): Execution {
  const records = new Records(directory);
  return {
    about: (id) => records.read(id),
    exec: async (id, command, first) => {
      const { cgroupPath } = await records.read(id);
      const target = { id, bundle: records.folderOf(id), runc, runcRoot: records.runcRoot };
      const holds = (pid: number): boolean =>
        isInGroup(cgroupPath, pid) || (first !== undefined && sharesMounts(first, pid));
      return await execInContainer({ ...target, holds }, { command, tty: false, stdin: false });
    },
  };
}
