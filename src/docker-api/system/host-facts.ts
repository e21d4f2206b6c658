import { readFile, stat } from 'node:fs/promises';
import { availableParallelism, hostname, release, totalmem } from 'node:os';

export interface HostFacts {
  name: string;
  kernel: string;
  operatingSystem: string;
  osVersion: string;
  architecture: string;
  cpus: number;
  memoryBytes: number;
  cgroupVersion: '1' | '2';
  /** Of 32 hex digits, the same on every start; empty where the host has none. */
  machineId: string;
}

export async function readHostFacts(): Promise<HostFacts> {
  const os = await readText('/etc/os-release');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(os)?.[1] ?? '';
  return {
    name: hostname(),
    kernel: release(),
    operatingSystem: value('PRETTY_NAME') || 'Linux',
    osVersion: value('VERSION_ID'),
    architecture: { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch,
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
    cgroupVersion: (await isThere('/sys/fs/cgroup/cgroup.controllers')) ? '2' : '1',
    machineId: (await readText('/etc/machine-id')).trim(),
  };
}

/** Go's word for this machine. */
export function goArchitecture(): string {
  return { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
