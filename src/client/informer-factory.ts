import type { Clock, Log } from '../base/index.ts';
import type { KubeObject } from '../kube/index.ts';
import type { Client, ResourceRef } from './client.ts';
import { Informer } from './informer.ts';

/**
 * One informer per resource, shared by everyone who asks for it, over all workspaces (`'*'`). An informer
 * asked for after `run` started is started at once.
 */
export class InformerFactory {
  readonly #options: { client: Client; clock: Clock; log: Log };
  readonly #informers = new Map<string, Informer<KubeObject>>();
  readonly #runs = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;

  constructor(options: { client: Client; clock: Clock; log: Log }) {
    this.#options = { ...options, client: options.client.in('*') };
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
    const run = informer.run(signal).finally(() => this.#runs.delete(run));
    this.#runs.add(run);
  }
}
