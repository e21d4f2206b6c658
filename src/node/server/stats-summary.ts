import { nodeUsage, sampleUsage, type UsageSample } from './resource-usage.ts';
import type { ServerContext } from './server-context.ts';

/** What was used up to a moment, to tell a rate at the next request. */
interface Reading {
  atMs: number;
  cpuNs: number;
}

/**
 * GET /stats/summary: k8s.io/kubelet/pkg/apis/stats/v1alpha1 Summary, as far as the engine counts: CPU and
 * memory of node, pods and containers. `usageNanoCores` is the rate since the request before, and absent in
 * the first.
 */
export class StatsSummary {
  readonly #context: ServerContext;
  readonly #nodeName: string;
  #before = new Map<string, Reading>();

  constructor(context: ServerContext, nodeName: string) {
    this.#context = context;
    this.#nodeName = nodeName;
  }

  async read(): Promise<object> {
    const nowMs = this.#context.clock.now();
    const samples = await sampleUsage(this.#context);
    const readings = new Map<string, Reading>();
    const cpu = (key: string, cpuNs: number) => this.#cpu(readings, key, { atMs: nowMs, cpuNs });
    const time = new Date(nowMs).toISOString();
    const node = nodeUsage(nowMs);
    const pods = Map.groupBy(samples, ({ pod }) => pod.metadata.uid ?? '');
    const summary = {
      node: {
        nodeName: this.#nodeName,
        startTime: node.startTime,
        cpu: cpu('node', node.cpuNs),
        memory: {
          time,
          availableBytes: node.availableBytes,
          usageBytes: node.memoryBytes,
          workingSetBytes: node.memoryBytes,
        },
      },
      pods: [...pods.values()].map((containers) => podStats(containers, time, cpu)),
    };
    this.#before = readings;
    return summary;
  }

  #cpu(readings: Map<string, Reading>, key: string, reading: Reading): object {
    readings.set(key, reading);
    const before = this.#before.get(key);
    const elapsedMs = before === undefined ? 0 : reading.atMs - before.atMs;
    const rate =
      elapsedMs > 0 ? Math.max(0, (reading.cpuNs - before!.cpuNs) / (elapsedMs / 1000)) : undefined;
    return {
      time: new Date(reading.atMs).toISOString(),
      ...(rate !== undefined && { usageNanoCores: Math.round(rate) }),
      usageCoreNanoSeconds: Math.round(reading.cpuNs),
    };
  }
}

function podStats(
  containers: UsageSample[],
  time: string,
  cpu: (key: string, cpuNs: number) => object,
): object {
  const { metadata, status } = containers[0]!.pod;
  const sum = (count: (sample: UsageSample) => number) =>
    containers.reduce((total, sample) => total + count(sample), 0);
  const memory = (usageBytes: number, workingSetBytes: number) => ({ time, usageBytes, workingSetBytes });
  return {
    podRef: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
    startTime: status?.startTime,
    containers: containers.map(({ container, startedAt, usage }) => ({
      name: container,
      startTime: startedAt,
      cpu: cpu(`${metadata.uid}/${container}`, usage.cpuUsageNs),
      memory: memory(usage.memoryBytes, usage.memoryWorkingSetBytes),
    })),
    cpu: cpu(
      `${metadata.uid}`,
      sum(({ usage }) => usage.cpuUsageNs),
    ),
    memory: memory(
      sum(({ usage }) => usage.memoryBytes),
      sum(({ usage }) => usage.memoryWorkingSetBytes),
    ),
    process_stats: { process_count: sum(({ usage }) => usage.pids) },
  };
}
