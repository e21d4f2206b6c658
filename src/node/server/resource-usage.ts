import { cpus, freemem, totalmem, uptime } from 'node:os';
import { NotFound } from '../../base/index.ts';
import type { ContainerUsage } from '../../engine/index.ts';
import type { FoundPod } from '../pod-lookup.ts';
import type { ServerContext } from './server-context.ts';

/** What one container uses now, with what it was asked about. */
export interface UsageSample {
  pod: FoundPod['pod'];
  container: string;
  startedAt: string | undefined;
  usage: ContainerUsage;
}

/** Every running container's counters. One that ends meanwhile is left out. */
export async function sampleUsage(context: ServerContext): Promise<UsageSample[]> {
  const samples = context.pods.list().flatMap((pod) => {
    const found = context.pods.find(pod.metadata.namespace ?? '', pod.metadata.name ?? '', pod.metadata.uid);
    const running = found?.containers.filter(({ state, engineId }) => state === 'running' && engineId) ?? [];
    return running.map(async ({ name, engineId }): Promise<UsageSample | undefined> => {
      const usage = await usageOf(context, engineId!);
      const status = pod.status?.containerStatuses?.find((candidate) => candidate.name === name);
      return usage && { pod, container: name, startedAt: status?.state?.running?.startedAt, usage };
    });
  });
  return (await Promise.all(samples)).filter((sample) => sample !== undefined);
}

async function usageOf(context: ServerContext, id: string): Promise<ContainerUsage | undefined> {
  try {
    return await context.engine.usage(id);
  } catch (error) {
    if (error instanceof NotFound) return undefined;
    throw error;
  }
}

/** The machine's own counters. */
export function nodeUsage(nowMs: number): {
  startTime: string;
  cpuNs: number;
  memoryBytes: number;
  availableBytes: number;
} {
  const busyMs = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return {
    startTime: new Date(nowMs - uptime() * 1000).toISOString(),
    cpuNs: busyMs * 1e6,
    memoryBytes: totalmem() - freemem(),
    availableBytes: freemem(),
  };
}
