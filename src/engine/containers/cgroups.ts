import { closeSync, type Dirent, openSync, write } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BadRequest, messageOf, systemClock } from '../../base/index.ts';
import type { ContainerUsage } from '../engine.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { readProc } from '../system/process-identity.ts';
import type { GroupLine } from './limits.ts';

const writeInThread = promisify<number, string, unknown>(write);

/** Where this host keeps its control groups: v1 hierarchies, v2, or both. */
export interface CgroupHierarchies {
  /** Mount point by controller name: `memory`, `cpu`, …, and `name=systemd`. v2 controllers point at the v2 mount. */
  controllers: Map<string, string>;
  /** The v2 mount point, when there is one. */
  unified: string | undefined;
  /** Whether the controllers are v2's: what runc calls unified mode (v2 mounted at /sys/fs/cgroup itself). */
  isUnified: boolean;
}

export async function readCgroupHierarchies(): Promise<CgroupHierarchies> {
  const controllers = new Map<string, string>();
  let unified: string | undefined;
  for (const line of (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')) {
    const [left, right] = line.split(' - ');
    const point = left?.split(' ')[4];
    const [type, , options] = right?.split(' ') ?? [];
    if (point === undefined) continue;
    if (type === 'cgroup2') unified ??= point;
    if (type === 'cgroup')
      for (const option of options?.split(',') ?? [])
        if (/^(?:name=.+|[a-z_]+)$/.test(option) && !NOT_CONTROLLERS.has(option))
          controllers.set(option, point);
  }
  const isUnified = unified === '/sys/fs/cgroup';
  // An ordinary user owns no control group of this host's; see rootless/oci-adaptation.ts.
  if (rootlessFacts().isRootless) return { controllers: new Map(), unified: undefined, isUnified };
  if (isUnified)
    for (const name of (await readFile(join(unified!, 'cgroup.controllers'), 'utf8')).trim().split(' '))
      controllers.set(name, unified!);
  return { controllers, unified, isUnified };
}

const NOT_CONTROLLERS = new Set(['rw', 'ro', 'xattr', 'none', 'clone_children', 'noprefix']);

/** The control groups of one engine, all below `/orrery-<instance>` of each hierarchy. */
export class Cgroups {
  readonly #hierarchies: CgroupHierarchies;

  constructor(hierarchies: CgroupHierarchies) {
    this.#hierarchies = hierarchies;
  }

  get isUnified(): boolean {
    return this.#hierarchies.isUnified;
  }

  #roots(): string[] {
    const { controllers, unified } = this.#hierarchies;
    return [...new Set([...controllers.values(), ...(unified === undefined ? [] : [unified])])];
  }

  has(controller: string): boolean {
    return this.#hierarchies.controllers.has(controller);
  }

  /** The folder of `path` in that controller's hierarchy; undefined when the host lacks the controller. */
  folderOf(controller: string, path: string): string | undefined {
    const root = this.#hierarchies.controllers.get(controller);
    return root === undefined ? undefined : join(root, path);
  }

  /** Makes the group in every hierarchy, to hold processes without limits of its own. */
  async make(path: string): Promise<void> {
    for (const root of this.#roots()) await mkdir(join(root, path), { recursive: true });
    const { isUnified, controllers } = this.#hierarchies;
    const cpuset = controllers.get('cpuset');
    if (cpuset !== undefined && !isUnified) await inheritCpuset(cpuset, path);
  }

  /**
   * Moves a process into the group, in each hierarchy. The kernel lets the first one wait (for a grace period, 10 ms
   * and more); the writes are under way when this returns its promise, whatever this process does meanwhile.
   *
   * @returns false when the process is gone
   */
  async enter(path: string, pid: number): Promise<boolean> {
    const files: number[] = [];
    try {
      for (const root of this.#roots()) files.push(openSync(join(root, path, 'cgroup.procs'), 'w'));
      const entered = await Promise.allSettled(files.map((file) => writeInThread(file, String(pid))));
      for (const one of entered) if (one.status === 'rejected') throw one.reason;
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
      throw error;
    } finally {
      for (const file of files) closeSync(file);
    }
  }

  /** Whether the process is in a group at or below `path`. */
  holds(path: string, pid: number): boolean {
    return isInGroup(path, pid);
  }

  /** @throws BadRequest when this host's kernel has no such limit, or does not take the value. */
  async write(path: string, { controller, file, line }: GroupLine): Promise<void> {
    const folder = this.folderOf(controller, path);
    try {
      if (folder === undefined) throw new Error(`the controller ${controller} is not there`);
      await writeFile(join(folder, file), line, { flag: 'r+' });
    } catch (cause) {
      throw new BadRequest(`cannot write ${line} to ${file}: ${messageOf(cause)}`, { cause });
    }
  }

  /** Processes in the group itself or below. */
  async processes(path: string): Promise<number[]> {
    const pids = new Set<number>();
    for (const folder of await this.foldersBelow(path)) {
      const text = await readGroupFile(join(folder, 'cgroup.procs'));
      for (const line of text?.split('\n') ?? []) if (line !== '') pids.add(Number(line));
    }
    return [...pids];
  }

  /** All folders at or below `path` in all hierarchies, the deepest first. */
  async foldersBelow(path: string): Promise<string[]> {
    const folders: string[] = [];
    for (const root of this.#roots()) await collectFolders(join(root, path), folders);
    return folders;
  }

  /** Removes the group and all below it. Kills nothing; waits a moment for processes that are just ending. */
  async remove(path: string): Promise<void> {
    for (const folder of await this.foldersBelow(path)) await removeGroup(folder);
  }

  /** Removes a group that has become empty; no error when something is still in it. */
  async removeIfEmpty(path: string): Promise<void> {
    if (path === '' || path === '/') return;
    for (const root of this.#roots()) {
      try {
        await rmdir(join(root, path));
      } catch (error) {
        if (!['ENOENT', 'EBUSY', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? ''))
          throw error;
      }
    }
  }

  /** How many processes of the group the kernel has killed for want of memory. */
  async oomKills(path: string): Promise<number> {
    const folder = this.folderOf('memory', path);
    if (folder === undefined) return 0;
    const text = await readGroupFile(join(folder, this.isUnified ? 'memory.events' : 'memory.oom_control'));
    return Number(/^oom_kill (\d+)$/m.exec(text ?? '')?.[1] ?? 0);
  }

  /** Whether the freezer holds it. */
  async isFrozen(path: string): Promise<boolean> {
    if (this.isUnified) {
      const { unified } = this.#hierarchies;
      return (
        unified !== undefined && (await readGroupFile(join(unified, path, 'cgroup.freeze')))?.trim() === '1'
      );
    }
    const folder = this.folderOf('freezer', path);
    return folder !== undefined && (await readGroupFile(join(folder, 'freezer.state')))?.trim() === 'FROZEN';
  }

  async thaw(path: string): Promise<void> {
    if (!(await this.isFrozen(path))) return;
    const file = this.isUnified
      ? join(this.#hierarchies.unified!, path, 'cgroup.freeze')
      : join(this.folderOf('freezer', path)!, 'freezer.state');
    await writeFile(file, this.isUnified ? '0' : 'THAWED');
  }

  async usage(path: string): Promise<ContainerUsage | undefined> {
    const read = (controller: string, file: string) => {
      const folder = this.folderOf(controller, path);
      return folder === undefined ? Promise.resolve(undefined) : readGroupFile(join(folder, file));
    };
    const v2 = this.isUnified;
    const [cpu, memory, stat, pids] = await Promise.all([
      v2 ? read('cpu', 'cpu.stat') : read('cpuacct', 'cpuacct.usage'),
      read('memory', v2 ? 'memory.current' : 'memory.usage_in_bytes'),
      read('memory', 'memory.stat'),
      read('pids', 'pids.current'),
    ]);
    if (memory === undefined && cpu === undefined) return undefined;
    const memoryBytes = Number(memory ?? 0);
    const inactive = Number(
      /^(?:total_)?inactive_file (\d+)$/m.exec(v2 ? (stat ?? '') : onlyTotals(stat))?.[1] ?? 0,
    );
    return {
      cpuUsageNs: v2 ? Number(/^usage_usec (\d+)$/m.exec(cpu ?? '')?.[1] ?? 0) * 1000 : Number(cpu ?? 0),
      memoryBytes,
      memoryWorkingSetBytes: Math.max(0, memoryBytes - inactive),
      pids: Number(pids ?? 0),
    };
  }
}

function onlyTotals(stat: string | undefined): string {
  return (stat ?? '')
    .split('\n')
    .filter((line) => line.startsWith('total_'))
    .join('\n');
}

/** A v1 cpuset group holds no process before it has processors and memory nodes: take the parent's. */
async function inheritCpuset(root: string, path: string): Promise<void> {
  let folder = root;
  for (const part of path.split('/').filter((one) => one !== '')) {
    const parent = folder;
    folder = join(folder, part);
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if ((await readFile(join(folder, file), 'utf8')).trim() !== '') continue;
      await writeFile(join(folder, file), await readFile(join(parent, file), 'utf8'));
    }
  }
}

async function collectFolders(folder: string, into: string[]): Promise<void> {
  let entries: Dirent[] = [];
  try {
    // The kernel counts a link for each group below, and most have none, but some fifty files.
    if ((await stat(folder)).nlink !== 2) entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) if (entry.isDirectory()) await collectFolders(join(folder, entry.name), into);
  into.push(folder);
}

async function removeGroup(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return await rmdir(folder);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || tries >= 50) throw error;
      // The kernel lets go of a group a moment after its last process; there is no event to wait for.
      await systemClock.sleep(Math.min(2 ** tries, 10));
    }
  }
}

async function readGroupFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}

/** Whether the process is in a group at or below `path`. */
export function isInGroup(path: string, pid: number): boolean {
  const groups = readProc(`/proc/${pid}/cgroup`) ?? '';
  return groups.split('\n').some((line) => {
    const at = line.split(':').slice(2).join(':');
    return at === path || at.startsWith(`${path}/`);
  });
}
