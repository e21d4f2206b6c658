import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ended, type OrdinaryUser, processesWhere, type RunOptions } from './ordinary-user.ts';

/** What a test asks of whoever runs containers: root, or somebody who is not. */
export type Person = Pick<
  OrdinaryUser,
  'home' | 'runtimeDirectory' | 'program' | 'orrery' | 'start' | 'processes' | 'dispose'
>;

/** Root with a home, a runtime directory and a data directory for one test file. */
export function rootPerson(): Person {
  const home = mkdtempSync(join(tmpdir(), 'orrery-root-'));
  const runtimeDirectory = join(home, 'run');
  mkdirSync(runtimeDirectory, { mode: 0o700 });
  const checkout = resolve(import.meta.dirname, '../..');
  const built = join(checkout, 'dist/orrery.mjs');
  const program = [process.execPath, existsSync(built) ? built : join(checkout, 'src/cli/main.ts')];
  const start = (command: readonly string[], options: RunOptions = {}): ChildProcess =>
    spawn(command[0]!, command.slice(1), {
      cwd: options.cwd ?? home,
      env: {
        ...{ HOME: home, XDG_RUNTIME_DIR: runtimeDirectory, ORRERY_DATA_DIR: dataOf(home) },
        ...{ PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...options.env },
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  return {
    ...{ home, runtimeDirectory, program, start },
    orrery: (args, options = {}) => ended(start([...program, ...args], options), options),
    // Those of its containers have a conmon that names the folder.
    processes: () => processesWhere((pid, command) => command.includes(home) && pid !== process.pid),
    dispose: async () => {
      for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n'))
        if (line.includes(home)) throw new Error(`still mounted: ${line}`);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function dataOf(home: string): string {
  return join(home, '.local/share/orrery');
}
