import type { ContainerState, Engine } from '../../engine/index.ts';
import { labelNames, managedBy, type ObservedContainer, observe } from './engine-labels.ts';

/** The engine's containers of pods, kept up by its watch: answers without asking the engine each time. */
export class ContainerCache {
  readonly #engine: Engine;
  readonly #byPod = new Map<string, Map<string, ObservedContainer>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  of(podUid: string): ObservedContainer[] {
    return [...(this.#byPod.get(podUid)?.values() ?? [])];
  }

  podUids(): string[] {
    return [...this.#byPod.keys()];
  }

  running(): ObservedContainer[] {
    return this.podUids().flatMap((uid) => this.of(uid).filter(({ status }) => status === 'running'));
  }

  /** @returns the pod's uid when something new was learnt */
  put(state: ContainerState): string | undefined {
    const observed = observe(state);
    if (observed === undefined) return undefined;
    const { podUid, ...container } = observed;
    const ofPod = this.#byPod.get(podUid) ?? new Map<string, ObservedContainer>();
    const old = ofPod.get(container.id);
    // A report that was overtaken: what has ended does not run again.
    if (old !== undefined && rank(old) > rank(container)) return undefined;
    this.#byPod.set(podUid, ofPod);
    ofPod.set(container.id, container);
    return JSON.stringify(old) === JSON.stringify(container) ? undefined : podUid;
  }

  async inspect(id: string): Promise<void> {
    this.put(await this.#engine.inspect(id));
  }

  /** Asks the engine for everything the pod has. */
  async refresh(podUid: string): Promise<void> {
    const states = await this.#engine.list({ labels: { [labelNames.podUid]: podUid } });
    this.#forgetMissing(podUid, new Set(states.map(({ id }) => id)));
    for (const state of states) this.put(state);
  }

  /** Asks the engine for everything it has. */
  async refreshAll(): Promise<void> {
    const states = await this.#engine.list({ labels: { [labelNames.managedBy]: managedBy } });
    const ids = new Set(states.map(({ id }) => id));
    for (const podUid of this.podUids()) this.#forgetMissing(podUid, ids);
    for (const state of states) this.put(state);
  }

  remove(podUid: string, id: string): void {
    const ofPod = this.#byPod.get(podUid);
    ofPod?.delete(id);
    if (ofPod?.size === 0) this.#byPod.delete(podUid);
  }

  #forgetMissing(podUid: string, present: ReadonlySet<string>): void {
    for (const { id } of this.of(podUid)) if (!present.has(id)) this.remove(podUid, id);
  }
}

function rank({ status }: ObservedContainer): number {
  return ['created', 'running', 'exited'].indexOf(status);
}
