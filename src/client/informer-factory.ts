import type { Clock, Log } from '../base/index.ts';
import type { KubeObject } from '../kube/index.ts';
import type { Client, ResourceRef } from './client.ts';
import { Informer } from './informer.ts';

/**
 * One informer per resource, shared by everyone who asks for it, over all workspaces (`'*'`) or in one. An informer
 * asked for after `run` started is started at once.
 */
export class InformerFactory {
  readonly #options: { client: Client; clock: Clock; log: Log };
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #runs = new Set<Promise<void>>();
  readonly #endings = new Map<Informer<KubeObject>, AbortController>();
  #signal: AbortSignal | undefined;

  constructor(options: { client: Client; clock: Clock; log: Log; workspace?: string }) {
    const { client, clock, log, workspace = '*' } = options;
    this.#options = { client: client.in(workspace), clock, log };
  }

  /** `transform` counts only for whoever asks first. */
  informer<T extends KubeObject>(resource: ResourceRef, transform?: (object: T) => T): Informer<T> {
    const id = `${resource.group}/${resource.resource}`;
    const known = this.#informers.get(id);
    if (known !== undefined) return known as unknown as Informer<T>;
    const informer = new Informer<T>({ ...this.#options, resource, ...(transform && { transform }) });
    this.#informers.set(id, informer as unknown as Informer<KubeObject>);
    if (this.#signal !== undefined) this.#start(informer as unknown as Informer<KubeObject>, this.#signal);
    return informer;
  }

  has(resource: { group: string; resource: string }): boolean {
    return this.#informers.has(`${resource.group}/${resource.resource}`);
  }

  /** Ends the informer of a resource that is not served any more, once nobody handles what it sees. */
  release(resource: { group: string; resource: string }): void {
    const id = `${resource.group}/${resource.resource}`;
    const informer = this.#informers.get(id);
    if (informer === undefined || informer.hasHandlers) return;
    this.#informers.delete(id);
    this.#endings.get(informer)?.abort();
  }

  /** Resolves when all informers asked for so far hold their first list. */
  async synced(): Promise<void> {
    await Promise.all([...this.#informers.values()].map((informer) => informer.synced()));
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const informer of this.#informers.values()) this.#start(informer, signal);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.all(this.#runs);
  }

  #start(informer: Informer<KubeObject>, signal: AbortSignal): void {
    const ending = new AbortController();
    this.#endings.set(informer, ending);
    const end = () => ending.abort();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    const run = informer.run(ending.signal).finally(() => {
      signal.removeEventListener('abort', end);
      this.#endings.delete(informer);
      this.#runs.delete(run);
    });
    this.#runs.add(run);
  }
}
