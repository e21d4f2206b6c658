import type { BlkioDevice, ContainerResources } from '../../engine/index.ts';
import type { ContainerResourceLimits, HostConfig } from '../create-options.ts';

const DEFAULT_PIDS_LIMIT = 2048;
const PERIOD_US = 100_000;

/** Docker's fields as the engine has them; what is 0 or absent is no limit. */
export function limitsOf(host: ContainerResourceLimits): ContainerResources {
  const { Memory: memory = 0, MemorySwap: swap = 0, NanoCpus: cpus = 0 } = host;
  return {
    ...positive('memoryLimitBytes', memory),
    ...positive('memoryReservationBytes', host.MemoryReservation),
    // As Docker: twice the memory when only that was asked for.
    ...(swap !== 0 ? { memorySwapBytes: swap } : memory > 0 ? { memorySwapBytes: memory * 2 } : {}),
    ...(host.MemorySwappiness !== undefined &&
      host.MemorySwappiness >= 0 && { memorySwappiness: host.MemorySwappiness }),
    ...(host.OomKillDisable && { oomKillDisable: true }),
    ...positive('cpuShares', host.CpuShares),
    ...(cpus > 0
      ? { cpuPeriodUs: PERIOD_US, cpuQuotaUs: Math.round((cpus / 1e9) * PERIOD_US) }
      : {
          ...(host.CpuQuota ? { cpuQuotaUs: host.CpuQuota } : {}),
          ...positive('cpuPeriodUs', host.CpuPeriod),
        }),
    ...positive('cpuRealtimePeriodUs', host.CpuRealtimePeriod),
    ...positive('cpuRealtimeRuntimeUs', host.CpuRealtimeRuntime),
    ...(host.CpusetCpus && { cpusetCpus: host.CpusetCpus }),
    ...(host.CpusetMems && { cpusetMems: host.CpusetMems }),
    ...(host.PidsLimit !== undefined &&
      host.PidsLimit !== null &&
      host.PidsLimit !== 0 && { pidsLimit: host.PidsLimit }),
    ...positive('blkioWeight', host.BlkioWeight),
    ...devices(
      'blkioWeightDevices',
      host.BlkioWeightDevice?.map((one) => [one.Path, one.Weight]),
    ),
    ...devices('blkioReadBps', rates(host.BlkioDeviceReadBps)),
    ...devices('blkioWriteBps', rates(host.BlkioDeviceWriteBps)),
    ...devices('blkioReadIops', rates(host.BlkioDeviceReadIOps)),
    ...devices('blkioWriteIops', rates(host.BlkioDeviceWriteIOps)),
  };
}

/** Of a new container: Podman's limit of processes where nothing else is said. */
export function resourcesOf(host: HostConfig): ContainerResources {
  const isUnset = host.PidsLimit === undefined || host.PidsLimit === null;
  return {
    ...limitsOf(host),
    ...(isUnset && { pidsLimit: DEFAULT_PIDS_LIMIT }),
    ...(host.OomScoreAdj && { oomScoreAdj: host.OomScoreAdj }),
  };
}

function positive<K extends keyof ContainerResources>(name: K, value: number | undefined) {
  return value === undefined || value <= 0 ? {} : { [name]: value };
}

function rates(list: { Path: string; Rate: number }[] | undefined): [string, number][] | undefined {
  return list?.map((one) => [one.Path, one.Rate]);
}

function devices(
  name: keyof ContainerResources,
  list: [string, number][] | undefined,
): Record<string, BlkioDevice[]> {
  if (list === undefined || list.length === 0) return {};
  return { [name]: list.map(([path, value]) => ({ path, value })) };
}
