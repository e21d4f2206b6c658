import { type Clock, type Log, messageOf } from '../../base/index.ts';

/** What the node's /stats/summary says, as far as it is needed; k8s.io/kubelet/pkg/apis/stats/v1alpha1. */
export interface StatsSummary {
  node: { cpu: CpuStats; memory: MemoryStats };
  pods: {
    podRef: { name: string; namespace: string; uid: string };
    containers: { name: string; cpu: CpuStats; memory: MemoryStats }[];
  }[];
}

interface CpuStats {
  time: string;
  usageCoreNanoSeconds: number;
}

interface MemoryStats {
  workingSetBytes: number;
}

export interface Usage {
  /** On average over the window. */
  cpuNanoCores: number;
  memoryBytes: number;
}

/** What a node and the containers of its pods used. */
export interface NodeUsage {
  atMs: number;
  windowMs: number;
  node: Usage;
  /** By uid, then by the container's name. */
  pods: ReadonlyMap<string, ReadonlyMap<string, Usage>>;
}

/** metrics-server's --metric-resolution: an answer younger than this is given again. */
const RESOLUTION_MS = 15_000;
/** A reading older than this says nothing about now. */
const STALE_MS = 120_000;
/** Of a first answer, which waits for it. */
const SHORTEST_WINDOW_MS = 1_000;

interface Known {
  reading?: StatsSummary;
  usage?: NodeUsage;
  asking?: Promise<NodeUsage | undefined>;
}

/** Measures nodes when somebody wants to know, from the difference of two readings; nothing runs while nobody does. */
export class NodeUsages {
  readonly #read: (node: string) => Promise<StatsSummary>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #known = new Map<string, Known>();

  constructor(parts: { read(node: string): Promise<StatsSummary>; clock: Clock; log: Log }) {
    this.#read = parts.read;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Undefined when the node does not answer. */
  of(node: string): Promise<NodeUsage | undefined> {
    const known: Known = this.#known.get(node) ?? {};
    this.#known.set(node, known);
    if (known.usage !== undefined && this.#clock.now() - known.usage.atMs < RESOLUTION_MS)
      return Promise.resolve(known.usage);
    known.asking ??= this.#measure(node, known).finally(() => {
      delete known.asking;
    });
    return known.asking;
  }

  /** Forgets the nodes that are not among these. */
  keep(nodes: ReadonlySet<string>): void {
    for (const name of this.#known.keys()) if (!nodes.has(name)) this.#known.delete(name);
  }

  async #measure(node: string, known: Known): Promise<NodeUsage | undefined> {
    try {
      let before = known.reading;
      if (before === undefined || this.#clock.now() - timeOf(before) > STALE_MS) {
        before = await this.#read(node);
        await this.#clock.sleep(SHORTEST_WINDOW_MS);
      }
      const after = await this.#read(node);
      known.reading = after;
      known.usage = usageBetween(before, after);
      return known.usage;
    } catch (error) {
      this.#log.debug('a node could not be measured', { node, error: messageOf(error) });
      return undefined;
    }
  }
}

function timeOf({ node }: StatsSummary): number {
  return Date.parse(node.cpu.time);
}

/** A container that began anew in between is left out: its counter did too. */
export function usageBetween(before: StatsSummary, after: StatsSummary): NodeUsage | undefined {
  const node = difference(before.node, after.node);
  if (node === undefined) return undefined;
  const earlier = new Map(
    before.pods.flatMap(({ podRef, containers }) =>
      containers.map((container) => [`${podRef.uid}/${container.name}`, container] as const),
    ),
  );
  const pods = after.pods.map(({ podRef, containers }) => {
    const used = containers.flatMap((container) => {
      const usage = difference(earlier.get(`${podRef.uid}/${container.name}`), container);
      return usage === undefined ? [] : [[container.name, usage] as const];
    });
    return [podRef.uid, new Map(used)] as const;
  });
  const windowMs = timeOf(after) - timeOf(before);
  return { atMs: timeOf(after), windowMs, node, pods: new Map(pods) };
}

function difference(
  before: StatsSummary['node'] | undefined,
  after: StatsSummary['node'],
): Usage | undefined {
  if (before === undefined) return undefined;
  const seconds = (Date.parse(after.cpu.time) - Date.parse(before.cpu.time)) / 1000;
  const used = after.cpu.usageCoreNanoSeconds - before.cpu.usageCoreNanoSeconds;
  if (!(seconds > 0) || used < 0) return undefined;
  return { cpuNanoCores: Math.round(used / seconds), memoryBytes: after.memory.workingSetBytes };
}
