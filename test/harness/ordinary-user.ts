import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { runCommand } from '../../src/base/index.ts';
import { processIdentity } from '../../src/engine/system/process-identity.ts';

const checkout = resolve(import.meta.dirname, '../..');

export interface UserRun {
  stdout: string;
  stderr: string;
  /** 128 + signal when one ended it. */
  exitCode: number;
}

export interface RunOptions {
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
  timeoutMs?: number;
  /** In mounts of its own, where everybody may open /dev/net/tun; only root can make these. */
  withTun?: boolean;
}

/** A node of the same device over the host's, which nobody else sees. */
const TUN_SCRIPT = `
folder=$(mktemp -d) && mount -t tmpfs tmpfs "$folder" && mknod -m 0666 "$folder/tun" c 10 200 &&
  mount --bind "$folder/tun" /dev/net/tun && umount --lazy "$folder" && rmdir "$folder" && exec "$@"`;
const WITH_TUN = ['/usr/bin/unshare', '--mount', '--propagation', 'slave', 'sh', '-c', TUN_SCRIPT, 'sh'];

/** Somebody who is not root, with a home, a runtime directory and subordinate ids, for one test file. */
export interface OrdinaryUser {
  uid: number;
  name: string;
  home: string;
  runtimeDirectory: string;
  /** The first subordinate id. */
  subordinate: number;
  /** The `orrery` command as this user. */
  orrery(args: readonly string[], options?: RunOptions): Promise<UserRun>;
  run(command: readonly string[], options?: RunOptions): Promise<UserRun>;
  start(command: readonly string[], options?: RunOptions): ChildProcess;
  /** The command line that is `orrery` for this user. */
  readonly program: readonly string[];
  /** Processes of the user and of their subordinate ids. */
  processes(): { pid: number; command: string }[];
  /** `kill -9` of all of them at once; some may end by themselves meanwhile. */
  killEverything(): void;
  dispose(): Promise<void>;
}

/** Why there can be no ordinary user with namespaces here; empty when there can. */
export function whyNoOrdinaryUser(): string {
  const missing = ['newuidmap', 'setpriv', 'unshare', 'nsenter', 'flock'].filter((name) => !isProgram(name));
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const most = Number(readFileSync('/proc/sys/user/max_user_namespaces', 'utf8'));
  return most > 0 ? '' : 'user namespaces are switched off';
}

function isProgram(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/**
 * Root makes one, and takes them away again. The checkout may lie where only root goes, so the user sees it by
 * a bind mount at a place of the test's own. Who is not root is an ordinary user already.
 */
export async function ordinaryUser(): Promise<OrdinaryUser> {
  const place = mkdtempSync(join(tmpdir(), 'orrery-user-'));
  chmodSync(place, 0o755);
  const isRoot = process.getuid!() === 0;
  const name = isRoot ? `orrery-${randomBytes(3).toString('hex')}` : userInfo().username;
  const home = join(place, 'home');
  const view = isRoot ? join(place, 'checkout') : checkout;
  if (isRoot) {
    await runCommand('useradd', ['--create-home', '--home-dir', home, '--shell', '/bin/sh', name]);
    mkdirSync(view);
    await runCommand('mount', ['--bind', checkout, view]);
  } else mkdirSync(home);
  const { uid, gid } = statSync(home);
  const runtimeDirectory = join(place, 'run');
  mkdirSync(runtimeDirectory, { mode: 0o700 });
  if (isRoot) await runCommand('chown', [`${uid}:${gid}`, runtimeDirectory]);
  const subordinate = firstSubordinate(name);
  const node = process.execPath.startsWith(checkout)
    ? join(view, process.execPath.slice(checkout.length))
    : process.execPath;
  // Unbuilt it is slower, and the same.
  const isBuilt = existsSync(join(checkout, 'dist/orrery.mjs'));
  const program = [node, join(view, isBuilt ? 'dist/orrery.mjs' : 'src/cli/main.ts')];
  const prefix = isRoot
    ? ['/usr/bin/setpriv', `--reuid=${name}`, `--regid=${name}`, '--init-groups', '--inh-caps=-all', '--']
    : [];
  const start = (command: readonly string[], options: RunOptions = {}) => {
    const [file, ...args] = [...(options.withTun ? WITH_TUN : []), ...prefix, ...command];
    return spawn(file!, args, {
      cwd: options.cwd ?? home,
      env: {
        ...{ HOME: home, USER: name, XDG_RUNTIME_DIR: runtimeDirectory },
        ...{ PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...options.env },
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  };
  const run = (command: readonly string[], options: RunOptions = {}) =>
    ended(start(command, options), options);
  const ids = { uid, from: subordinate, to: subordinate + 65_536 };
  const killEverything = () => {
    for (const { pid } of processesOf(ids)) killQuietly(pid);
  };
  return {
    ...{ uid, name, home, runtimeDirectory, subordinate, program, start, run, killEverything },
    orrery: (args, options) => run([...program, ...args], options),
    processes: () => processesOf(ids),
    dispose: async () => {
      // Somebody who comes later may be given the same number; and whoever has processes is not deleted.
      for (killEverything(); processesOf(ids).length > 0; killEverything()) await setTimeout(20);
      if (isRoot) {
        await runCommand('umount', ['--lazy', view]);
        await runCommand('userdel', [name]);
        rmSync(place, { recursive: true, force: true });
      } else await runCommand('unshare', ['--user', '--map-root-user', '--map-auto', 'rm', '-rf', place]);
    },
  };
}

function firstSubordinate(name: string): number {
  const line = readFileSync('/etc/subuid', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`useradd gave ${name} no range in /etc/subuid`);
  return Number(line.split(':')[1]);
}

export function ended(child: ChildProcess, options: RunOptions): Promise<UserRun> {
  return new Promise((resolve, reject) => {
    let stdout = '';
    let stderr = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    // It may end without reading; its exit code tells.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(options.input ?? '');
    const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, exitCode: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15) });
    });
  });
}

function processesOf(ids: { uid: number; from: number; to: number }): { pid: number; command: string }[] {
  return processesWhere((pid) => {
    const { uid } = statSync(`/proc/${pid}`);
    return uid === ids.uid || (uid >= ids.from && uid < ids.to);
  });
}

export function processesWhere(
  holds: (pid: number, command: string) => boolean,
): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    try {
      // What has ended and is not reaped yet is none. One in the middle of an exec has no command line and lives.
      if (processIdentity(pid) === undefined) continue;
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (holds(pid, command)) found.push({ pid, command });
    } catch (error) {
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return found;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
