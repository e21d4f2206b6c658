import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { percentile } from '../report.ts';
import type { Job, JobResult } from './generator.ts';
import type { OperationName } from './operations.ts';
import type { Target } from './wire.ts';

export interface Rate {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  megabytesPerSecond: number;
}

/** Load from processes of its own, so that who asks is never slower than who answers. */
export class Load {
  readonly #children: ChildProcess[];
  #rounds = 0;

  constructor(processes: number) {
    const path = join(import.meta.dirname, 'generator.ts');
    this.#children = Array.from({ length: processes }, () =>
      fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' }),
    );
  }

  async connect(
    target: Target,
    { http, connections, objects = 0 }: { http: 1 | 2; connections: number; objects?: number },
  ): Promise<void> {
    const each = Math.ceil(connections / this.#children.length);
    const first = this.#rounds++ * this.#children.length;
    await this.#all((index) => ({
      type: 'connect',
      target,
      http,
      connections: each,
      processId: first + index,
      objects,
    }));
  }

  async run(operation: OperationName, seconds: number): Promise<Rate> {
    return rateOf(await this.#all(() => ({ type: 'run', operation, seconds })));
  }

  async seed(from: number, to: number): Promise<void> {
    const each = Math.ceil((to - from) / this.#children.length);
    await this.#all((id) => ({
      type: 'seed',
      from: from + id * each,
      to: Math.min(to, from + (id + 1) * each),
    }));
  }

  async watch(watches: number, path: string): Promise<void> {
    await this.#all(() => ({ type: 'watch', watches: Math.ceil(watches / this.#children.length), path }));
  }

  async writeAt(perSecond: number, seconds: number, collection: string): Promise<Rate> {
    return rateOf(await this.#all(() => ({ type: 'writeAt', perSecond, seconds, collection })));
  }

  /** Closes the connections; what watches saw. */
  async disconnect(): Promise<number[]> {
    return (await this.#all(() => ({ type: 'disconnect' }))).flatMap(({ deliveries }) => deliveries);
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      child.disconnect();
      await once(child, 'exit');
    }
  }

  #all(jobOf: (processId: number) => Job): Promise<JobResult[]> {
    return Promise.all(
      this.#children.map(async (child, index) => {
        child.send(jobOf(index));
        const [result] = (await once(child, 'message')) as [JobResult & { error?: string }];
        if (result.error !== undefined) throw new Error(result.error);
        return result;
      }),
    );
  }
}

function rateOf(results: readonly JobResult[]): Rate {
  const latencies = results.flatMap((result) => result.latencies);
  const seconds = Math.max(...results.map(({ elapsedMs }) => elapsedMs)) / 1000;
  return {
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    megabytesPerSecond: results.reduce((sum, { bytes }) => sum + bytes, 0) / seconds / 1e6,
  };
}
