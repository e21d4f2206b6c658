import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release } from 'node:os';

/** What this machine is and has now. */
export interface HostFacts {
  cpus: number;
  memoryBytes: number;
  memoryAvailableBytes: number;
  swapBytes: number;
  storageBytes: number;
  storageAvailableBytes: number;
  /** Share of inodes that are free, 1 where the file system has no such limit. */
  inodesFreeShare: number;
  maxPids: number;
  pids: number;
  /** Kubernetes' and OCI's word: amd64, arm64. */
  architecture: string;
  kernelVersion: string;
  osImage: string;
  machineId: string;
  systemUuid: string;
  bootId: string;
}

/** @param directory whose file system is the node's storage */
export async function readHostFacts(directory: string): Promise<HostFacts> {
  const [memory, osRelease, machineId, systemUuid, bootId, storage, maxPids, loadAverage] = await Promise.all(
    [
      readText('/proc/meminfo'),
      readText('/etc/os-release'),
      readText('/etc/machine-id'),
      readText('/sys/class/dmi/id/product_uuid'),
      readBootId(),
      statfs(directory),
      readText('/proc/sys/kernel/pid_max'),
      readText('/proc/loadavg'),
    ],
  );
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(memory)?.[1] ?? 0) * 1024;
  return {
    cpus: availableParallelism(),
    memoryBytes: kibibytes('MemTotal'),
    memoryAvailableBytes: kibibytes('MemAvailable'),
    swapBytes: kibibytes('SwapTotal'),
    storageBytes: storage.blocks * storage.bsize,
    storageAvailableBytes: storage.bavail * storage.bsize,
    inodesFreeShare: storage.files === 0 ? 1 : storage.ffree / storage.files,
    maxPids: Number(maxPids) || 32_768,
    // The fourth word is running/all threads.
    pids: Number(/\/(\d+) /.exec(loadAverage)?.[1] ?? 0),
    architecture: ({ x64: 'amd64', ia32: '386' } as Record<string, string>)[arch()] ?? arch(),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
    machineId: machineId.trim(),
    systemUuid: systemUuid.trim() || machineId.trim(),
    bootId,
  };
}

export async function readBootId(): Promise<string> {
  return (await readText('/proc/sys/kernel/random/boot_id')).trim();
}

/** Empty for what this host does not have or show. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EACCES' || code === 'EPERM') return '';
    throw error;
  }
}
