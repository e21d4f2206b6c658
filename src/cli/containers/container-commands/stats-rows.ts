import type { ContainerStats } from '../../../libpod/index.ts';
import { binarySize, humanSize } from '../../templates/human-units.ts';
import { GoDuration } from '../../templates/times.ts';
import { goStruct } from '../../templates/values.ts';

export const STATS_HEADERS: Record<string, string> = {
  ...{ ID: 'ID', UpTime: 'CPU TIME', CPUPerc: 'CPU %', AVGCPU: 'Avg CPU %', MemUsage: 'MEM USAGE / LIMIT' },
  ...{
    MemUsageBytes: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET IO',
    BlockIO: 'BLOCK IO',
    PIDS: 'PIDS',
  },
};

export const STATS_FIELDS = [
  ...['AvgCPU', 'ContainerID', 'Name', 'PerCPU', 'CPU', 'CPUNano', 'CPUSystemNano', 'SystemNano', 'MemUsage'],
  ...[
    'MemLimit',
    'MemPerc',
    'NetInput',
    'NetOutput',
    'BlockInput',
    'BlockOutput',
    'PIDs',
    'UpTime',
    'Duration',
  ],
];

/** What a template of `stats --format` sees, and what JSON is made from. */
export function statsRow(now: ContainerStats, before: ContainerStats | undefined, noTrunc: boolean) {
  const sum = (direction: 'rxBytes' | 'txBytes') =>
    Object.values(now.networks).reduce((total, network) => total + network[direction], 0);
  const average = cpuPercent(now.cpuUsageNs, upTimeNs(now));
  const cpu =
    before === undefined
      ? average
      : cpuPercent(
          now.cpuUsageNs - before.cpuUsageNs,
          (Date.parse(now.readAt) - Date.parse(before.readAt)) * 1e6,
        );
  const memory = now.memoryLimitBytes > 0 ? (now.memoryUsageBytes / now.memoryLimitBytes) * 100 : 0;
  return goStruct('*containers.containerStats', {
    AvgCPU: average,
    ContainerID: now.id,
    Name: now.name,
    CPU: cpu,
    CPUNano: now.cpuUsageNs,
    CPUSystemNano: now.cpuSystemNs,
    SystemNano: Date.parse(now.readAt) * 1e6,
    MemLimit: now.memoryLimitBytes,
    NetInput: sum('rxBytes'),
    NetOutput: sum('txBytes'),
    BlockInput: now.blockReadBytes,
    BlockOutput: now.blockWriteBytes,
    PIDs: now.pids,
    UpTime: new GoDuration(Math.round(now.cpuUsageNs)),
    Duration: now.cpuUsageNs,
    ID: noTrunc ? now.id : now.id.slice(0, 12),
    Container: noTrunc ? now.id : now.id.slice(0, 12),
    CPUPerc: `${cpu.toFixed(2)}%`,
    AVGCPU: `${average.toFixed(2)}%`,
    MemPerc: `${memory.toFixed(2)}%`,
    MemUsage: `${humanSize(now.memoryUsageBytes)} / ${humanSize(now.memoryLimitBytes)}`,
    MemUsageBytes: `${binarySize(now.memoryUsageBytes)} / ${binarySize(now.memoryLimitBytes)}`,
    NetIO: `${humanSize(sum('rxBytes'))} / ${humanSize(sum('txBytes'))}`,
    BlockIO: `${humanSize(now.blockReadBytes)} / ${humanSize(now.blockWriteBytes)}`,
    PIDS: String(now.pids),
    Up: () => String(new GoDuration(Math.round(now.cpuUsageNs))),
  });
}

export function statsJson(row: ReturnType<typeof statsRow>): object {
  return goStruct('containers.jstat', {
    id: row.ID,
    name: row.Name,
    cpu_time: row.Up(),
    cpu_percent: row.CPUPerc,
    avg_cpu: row.AVGCPU,
    mem_usage: row.MemUsage,
    mem_percent: row.MemPerc,
    net_io: row.NetIO,
    block_io: row.BlockIO,
    pids: row.PIDS,
  });
}

function upTimeNs({ readAt, startedAt }: ContainerStats): number {
  return (Date.parse(readAt) - Date.parse(startedAt)) * 1e6;
}

function cpuPercent(usedNs: number, elapsedNs: number): number {
  return elapsedNs > 0 ? (usedNs / elapsedNs) * 100 : 0;
}
