import { readdir, readFile } from 'node:fs/promises';
import type { MetricRegistry } from '../../base/index.ts';
import type { VersionInfo } from './version.ts';

/** process_* as every Prometheus client has them, and kubernetes_build_info. */
export function addProcessMetrics(registry: MetricRegistry, version: VersionInfo): void {
  const gauge = (name: string, help: string) => registry.gauge({ name, help, stability: 'ALPHA' }).at();
  const cpu = registry.counter({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
  });
  const resident = gauge('process_resident_memory_bytes', 'Resident memory size in bytes.');
  const virtual = gauge('process_virtual_memory_bytes', 'Virtual memory size in bytes.');
  const start = gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.');
  const openFiles = gauge('process_open_fds', 'Number of open file descriptors.');
  const maxFiles = gauge('process_max_fds', 'Maximum number of open file descriptors.');
  start.set(Math.round(performance.timeOrigin) / 1000);
  registry
    .gauge({
      name: 'kubernetes_build_info',
      help: "A metric with a constant '1' value labeled by major, minor, git version, git commit, git tree state, build date, Go version, and compiler from which Kubernetes was built, and platform on which it is running.",
      labels: [
        'major',
        'minor',
        'git_version',
        'git_commit',
        'git_tree_state',
        'build_date',
        'go_version',
        'compiler',
        'platform',
      ],
    })
    .at(
      version.major,
      version.minor,
      version.gitVersion,
      version.gitCommit,
      version.gitTreeState,
      version.buildDate,
      version.goVersion,
      version.compiler,
      version.platform,
    )
    .set(1);
  registry.collect(async () => {
    const { user, system } = process.cpuUsage();
    cpu.at().set((user + system) / 1e6);
    resident.set(process.memoryUsage.rss());
    const [files, limits, memory] = await Promise.all([
      readdir('/proc/self/fd'),
      readFile('/proc/self/limits', 'utf8'),
      readFile('/proc/self/statm', 'utf8'),
    ]);
    openFiles.set(files.length);
    maxFiles.set(Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 0));
    virtual.set(Number(memory.split(' ')[0]) * 4096);
  });
}
