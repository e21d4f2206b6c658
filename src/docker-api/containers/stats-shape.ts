import type { ContainerStats } from '../../libpod/index.ts';
import { NO_TIME, utcTime } from '../http/times.ts';

const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** Docker's statistics (Engine API 1.44, ContainerStats) from a sample and the one before it. */
export function statsShape(now: ContainerStats, before: ContainerStats | undefined): Record<string, unknown> {
  const networks = Object.fromEntries(
    Object.entries(now.networks).map(([name, one]) => [
      name,
      {
        rx_bytes: one.rxBytes,
        rx_packets: one.rxPackets,
        rx_errors: one.rxErrors,
        rx_dropped: one.rxDropped,
        tx_bytes: one.txBytes,
        tx_packets: one.txPackets,
        tx_errors: one.txErrors,
        tx_dropped: one.txDropped,
      },
    ]),
  );
  return {
    read: utcTime(now.readAt),
    preread: before === undefined ? NO_TIME : utcTime(before.readAt),
    pids_stats: { current: now.pids },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: 'read', value: now.blockReadBytes },
        { major: 0, minor: 0, op: 'write', value: now.blockWriteBytes },
      ],
      ...{ io_serviced_recursive: null, io_queue_recursive: null, io_service_time_recursive: null },
      ...{ io_wait_time_recursive: null, io_merged_recursive: null, io_time_recursive: null },
      sectors_recursive: null,
    },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuOf(now),
    precpu_stats: before === undefined ? NO_CPU : cpuOf(before),
    memory_stats: {
      usage: now.memoryUsageBytes,
      stats: now.memoryStats,
      limit: now.memoryLimitBytes,
    },
    name: `/${now.name}`,
    id: now.id,
    ...(Object.keys(networks).length > 0 && { networks }),
  };
}

function cpuOf(sample: ContainerStats): Record<string, unknown> {
  return {
    cpu_usage: {
      total_usage: sample.cpuUsageNs,
      usage_in_kernelmode: sample.cpuSystemNs,
      usage_in_usermode: Math.max(0, sample.cpuUsageNs - sample.cpuSystemNs),
    },
    system_cpu_usage: sample.systemCpuNs,
    online_cpus: sample.onlineCpus,
    throttling_data: NO_CPU.throttling_data,
  };
}

/** Of one that does not run: dockerd sends zeros with its name. */
export function emptyStats(one: { id: string; name: string }): Record<string, unknown> {
  return {
    ...{ read: NO_TIME, preread: NO_TIME, pids_stats: {}, num_procs: 0, storage_stats: {} },
    blkio_stats: {
      ...{ io_service_bytes_recursive: null, io_serviced_recursive: null, io_queue_recursive: null },
      ...{ io_service_time_recursive: null, io_wait_time_recursive: null, io_merged_recursive: null },
      ...{ io_time_recursive: null, sectors_recursive: null },
    },
    cpu_stats: NO_CPU,
    precpu_stats: NO_CPU,
    memory_stats: {},
    name: `/${one.name}`,
    id: one.id,
  };
}
