import { nodeUsage, sampleUsage } from './resource-usage.ts';
import type { ServerContext } from './server-context.ts';

/** GET /metrics: this process and how many pods it runs, in Prometheus' text format. */
export function processMetrics(context: ServerContext): string {
  const pods = context.pods.list();
  const states = Map.groupBy(
    pods.flatMap(
      ({ metadata }) =>
        context.pods.find(metadata.namespace ?? '', metadata.name ?? '', metadata.uid)?.containers ?? [],
    ),
    ({ state }) => ({ waiting: 'created', running: 'running', terminated: 'exited' })[state],
  );
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return [
    ...metric('kubelet_running_pods', 'gauge', 'Number of pods that have a running pod sandbox', [
      [{}, pods.filter(({ status }) => status?.phase === 'Running').length],
    ]),
    ...metric(
      'kubelet_running_containers',
      'gauge',
      'Number of containers currently running',
      [...states].map(([state, containers]) => [{ container_state: state }, containers.length]),
    ),
    ...metric('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.', [
      [{}, (userCPUTime + systemCPUTime) / 1e6],
    ]),
    ...metric('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.', [
      [{}, process.memoryUsage.rss()],
    ]),
    ...metric(
      'process_start_time_seconds',
      'gauge',
      'Start time of the process since unix epoch in seconds.',
      [[{}, Math.round(context.clock.now() / 1000 - process.uptime())]],
    ),
    '',
  ].join('\n');
}

/** GET /metrics/resource: what metrics-server scrapes. */
export async function resourceMetrics(context: ServerContext): Promise<string> {
  const samples = await sampleUsage(context);
  const node = nodeUsage(context.clock.now());
  const labels = (sample: (typeof samples)[number]) => ({
    container: sample.container,
    namespace: sample.pod.metadata.namespace ?? '',
    pod: sample.pod.metadata.name ?? '',
  });
  return [
    ...metric(
      'container_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the container in core-seconds',
      samples.map((sample) => [labels(sample), sample.usage.cpuUsageNs / 1e9]),
    ),
    ...metric(
      'container_memory_working_set_bytes',
      'gauge',
      'Current working set of the container in bytes',
      samples.map((sample) => [labels(sample), sample.usage.memoryWorkingSetBytes]),
    ),
    ...metric(
      'node_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the node in core-seconds',
      [[{}, node.cpuNs / 1e9]],
    ),
    ...metric('node_memory_working_set_bytes', 'gauge', 'Current working set of the node in bytes', [
      [{}, node.memoryBytes],
    ]),
    '',
  ].join('\n');
}

function metric(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  values: [labels: Record<string, string>, value: number][],
): string[] {
  const lines = values.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines];
}
