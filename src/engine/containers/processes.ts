import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerUsage } from '../engine.ts';
import { processIdentity, readProc } from '../system/process-identity.ts';
import type { Cgroups } from './cgroups.ts';
import { type ContainerRecord, type Records, readJson, readText } from './records.ts';

/** Of runc's state.json (libcontainer, container.go); `start` as in proc(5), clock ticks since boot. */
interface RuncState {
  init_process_pid: number;
  init_process_start: number;
}

const TICK_NS = 10_000_000;
const PAGE_BYTES = 4096;

/**
 * Which processes are a container's. A control group tells where there is one; an ordinary user may have none,
 * and then runc's word on the first process does, and for the others the mounts they share with it.
 */
export class Processes {
  readonly #records: Records;
  readonly #cgroups: Cgroups;

  constructor(records: Records, cgroups: Cgroups) {
    this.#records = records;
    this.#cgroups = cgroups;
  }

  /** The container's first process, when it is one of ours and alive: the pid file alone could name a stranger. */
  async firstOf(record: ContainerRecord): Promise<number | undefined> {
    const pid = Number((await readText(this.#records.file(record.id, 'pidfile'))) ?? 0);
    if (pid <= 0) return undefined;
    if (this.#cgroups.holds(record.cgroupPath, pid)) return pid;
    const state = await readJson<RuncState>(join(this.#records.runcRoot, record.id, 'state.json'));
    const isRuncs =
      state?.init_process_pid === pid && processIdentity(pid) === `${pid}:${state.init_process_start}`;
    return isRuncs ? pid : undefined;
  }

  /** Whether a process is of the container that `first` is the first of. */
  holds(record: ContainerRecord, first: number | undefined, pid: number): boolean {
    if (this.#cgroups.holds(record.cgroupPath, pid)) return true;
    return first !== undefined && sharesMounts(first, pid);
  }

  async of(record: ContainerRecord): Promise<number[]> {
    const grouped = await this.#cgroups.processes(record.cgroupPath);
    if (grouped.length > 0) return grouped;
    const first = await this.firstOf(record);
    return first === undefined ? [] : allPids().filter((pid) => sharesMounts(first, pid));
  }

  childrenOf(parent: number): number[] {
    // proc(5): field 4 is the parent.
    return allPids().filter((pid) => {
      const stat = readProc(`/proc/${pid}/stat`);
      return Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent;
    });
  }

  /** What its cgroup counts, or else the sum over its processes; undefined when it does not run. */
  async usage(record: ContainerRecord): Promise<ContainerUsage | undefined> {
    const counted = await this.#cgroups.usage(record.cgroupPath);
    if (counted !== undefined) return counted;
    const sum = { cpuUsageNs: 0, memoryBytes: 0, memoryWorkingSetBytes: 0, pids: 0 };
    for (const pid of await this.of(record)) {
      const stat = readProc(`/proc/${pid}/stat`);
      if (stat === undefined) continue;
      // proc(5): after the name come field 3 and on; 14 and 15 are ticks of the processor, 24 is pages.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      sum.cpuUsageNs += (Number(fields[11]) + Number(fields[12])) * TICK_NS;
      sum.memoryBytes += Number(fields[21]) * PAGE_BYTES;
      sum.pids++;
    }
    return { ...sum, memoryWorkingSetBytes: sum.memoryBytes };
  }
}

function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Each container has a mount namespace of its own, whatever else it shares. */
export function sharesMounts(one: number, other: number): boolean {
  const mounts = mountNamespaceOf(one);
  return mounts !== undefined && mountNamespaceOf(other) === mounts;
}

function mountNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch (error) {
    // It has ended, or is not ours to look at, and so no container's of ours.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
