import type { BlkioDevice, ContainerLimits } from '../engine.ts';

/**
 * The arguments of `runc update` (runc-update(8)) for what is given. Where swap is accounted for and nothing is said
 * of it, it stays out of reach as at the start: its limit is the memory's.
 */
export function updateArguments(limits: ContainerLimits, hasSwapAccounting: boolean): string[] {
  const swap = limits.memorySwapBytes ?? limits.memoryLimitBytes;
  const flags: [flag: string, value: number | string | undefined][] = [
    ['--cpu-share', limits.cpuShares],
    ['--cpu-quota', limits.cpuQuotaUs],
    ['--cpu-period', limits.cpuPeriodUs],
    ['--cpu-rt-runtime', limits.cpuRealtimeRuntimeUs],
    ['--cpu-rt-period', limits.cpuRealtimePeriodUs],
    ['--cpuset-cpus', limits.cpusetCpus],
    ['--cpuset-mems', limits.cpusetMems],
    ['--memory', limits.memoryLimitBytes],
    ['--memory-reservation', limits.memoryReservationBytes],
    ['--memory-swap', hasSwapAccounting ? swap : undefined],
    ['--pids-limit', limits.pidsLimit],
    ['--blkio-weight', limits.blkioWeight],
  ];
  return flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, String(value)]));
}

/** One line for one file of a control group. */
export interface GroupLine {
  controller: string;
  file: string;
  line: string;
}

const THROTTLES = [
  { field: 'blkioReadBps', v1: 'blkio.throttle.read_bps_device', v2: 'rbps' },
  { field: 'blkioWriteBps', v1: 'blkio.throttle.write_bps_device', v2: 'wbps' },
  { field: 'blkioReadIops', v1: 'blkio.throttle.read_iops_device', v2: 'riops' },
  { field: 'blkioWriteIops', v1: 'blkio.throttle.write_iops_device', v2: 'wiops' },
] as const;

/**
 * What `runc update` has no flag for (kernel, cgroup-v1/blkio-controller and cgroup-v2, "IO").
 * @param numberOf `major:minor` of a device node.
 */
export function updateLines(
  limits: ContainerLimits,
  isUnified: boolean,
  numberOf: (path: string) => string,
): GroupLine[] {
  const lines: GroupLine[] = [];
  for (const { field, v1, v2 } of THROTTLES)
    for (const { path, value } of limits[field] ?? [])
      lines.push(
        isUnified
          ? { controller: 'io', file: 'io.max', line: `${numberOf(path)} ${v2}=${value || 'max'}` }
          : { controller: 'blkio', file: v1, line: `${numberOf(path)} ${value}` },
      );
  for (const { path, value } of limits.blkioWeightDevices ?? ([] as BlkioDevice[]))
    lines.push({
      ...(isUnified
        ? { controller: 'io', file: 'io.bfq.weight' }
        : { controller: 'blkio', file: 'blkio.bfq.weight_device' }),
      line: `${numberOf(path)} ${value}`,
    });
  if (limits.memorySwappiness !== undefined && !isUnified)
    lines.push({
      controller: 'memory',
      file: 'memory.swappiness',
      line: String(limits.memorySwappiness),
    });
  return lines;
}
