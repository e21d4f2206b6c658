import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { ContainerStatistics } from '../engine.ts';
import type { CgroupHierarchies } from './cgroups.ts';

const TICK_NS = 10_000_000;

/** What the control group of `path` counts (kernel, cgroup-v1 and cgroup-v2 documentation). */
export async function readStatistics(
  hierarchies: CgroupHierarchies,
  path: string,
): Promise<ContainerStatistics | undefined> {
  const read = async (controller: string, file: string) => {
    const root = hierarchies.controllers.get(controller);
    return root === undefined ? '' : await textOf(join(root, path, file));
  };
  const pids = Number(await read('pids', 'pids.current'));
  return hierarchies.isUnified ? await unified(read, pids) : await legacy(read, pids);
}

type Read = (controller: string, file: string) => Promise<string>;

async function unified(read: Read, pids: number): Promise<ContainerStatistics> {
  const [cpu, current, max, stat, io] = await Promise.all([
    read('cpu', 'cpu.stat'),
    read('memory', 'memory.current'),
    read('memory', 'memory.max'),
    read('memory', 'memory.stat'),
    read('io', 'io.stat'),
  ]);
  const memoryStats = numbers(stat);
  return {
    cpuUsageNs: (numbers(cpu).usage_usec ?? 0) * 1000,
    cpuSystemNs: (numbers(cpu).system_usec ?? 0) * 1000,
    ...memoryOf(Number(current), Number(max), memoryStats.inactive_file ?? 0),
    memoryStats,
    blockReadBytes: total(io, /rbytes=(\d+)/g),
    blockWriteBytes: total(io, /wbytes=(\d+)/g),
    pids,
  };
}

async function legacy(read: Read, pids: number): Promise<ContainerStatistics> {
  const [usage, stat, used, limit, memory, io] = await Promise.all([
    read('cpuacct', 'cpuacct.usage'),
    read('cpuacct', 'cpuacct.stat'),
    read('memory', 'memory.usage_in_bytes'),
    read('memory', 'memory.limit_in_bytes'),
    read('memory', 'memory.stat'),
    read('blkio', 'blkio.throttle.io_service_bytes'),
  ]);
  const memoryStats = numbers(memory);
  return {
    cpuUsageNs: Number(usage),
    cpuSystemNs: (numbers(stat).system ?? 0) * TICK_NS,
    ...memoryOf(Number(used), Number(limit), memoryStats.total_inactive_file ?? 0),
    memoryStats,
    blockReadBytes: total(io, /Read (\d+)/g),
    blockWriteBytes: total(io, /Write (\d+)/g),
    pids,
  };
}

/** Without the page cache that the kernel can drop at once, as docker stats shows it. */
function memoryOf(used: number, limit: number, inactiveFile: number) {
  const host = totalmem();
  return {
    memoryUsageBytes: Math.max(0, used - inactiveFile),
    memoryLimitBytes: limit > 0 && limit < host ? limit : host,
  };
}

function numbers(text: string): Record<string, number> {
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name, value]) => [name, Number(value)]),
  );
}

function total(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENODEV', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
