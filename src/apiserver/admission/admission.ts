import type { KubeObject, Resource } from '../../kube/index.ts';
import type { User } from '../http/messages.ts';
import type { AdmissionStep, PluginTime, StepMetrics } from './step-metrics.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What is about to happen; k8s.io/apiserver/pkg/admission.Attributes. */
export interface AdmissionRequest {
  operation: Operation;
  resource: Resource;
  subresource?: string;
  workspace: string;
  namespace?: string;
  /** '' for a create with generateName. */
  name: string;
  user: User;
  /** The new object, of the main resource also for `status` and `scale`; absent for DELETE and CONNECT. */
  object?: KubeObject;
  /** The stored object, of UPDATE and DELETE; must not be changed. */
  oldObject?: Readonly<KubeObject>;
  /** The body of a subresource that is not the object: Binding, Eviction, TokenRequest. */
  body?: unknown;
  dryRun: boolean;
  /** The client's CreateOptions, UpdateOptions or DeleteOptions, as far as they say more than `dryRun`. */
  options?: Readonly<Record<string, unknown>>;
  /** Tells the client something beside the answer: a Warning header. */
  warn?(text: string): void;
  /** Writes something about the decision into the audit log; the first word on a key stands. */
  annotate?(key: string, value: string): void;
  /** Set by the chain while it mutates. */
  reinvocation?: Reinvocation;
}

/** The workspace whose webhooks and policies a request meets: of what is bound that of who exports it, as in kcp. */
export function guardingWorkspace({
  resource,
  workspace,
}: Pick<AdmissionRequest, 'resource' | 'workspace'>): string {
  return resource.bound?.provider ?? workspace;
}

/** Whether plug-ins run a second time, because a webhook changed what they had seen. */
export interface Reinvocation {
  readonly isSecond: boolean;
  isWanted: boolean;
}

/** What a write has taken and must give back when the write fails. At most one of the two is called, once; neither throws. */
export interface Reservation {
  commit(): void | Promise<void>;
  rollback(): void | Promise<void>;
}

/** One step between authorization and the store. Refuses by throwing Forbidden, NotFound or Invalid. */
export interface AdmissionPlugin {
  readonly name: string;
  /** May change `request.object`. */
  mutate?(request: AdmissionRequest): Promise<void> | void;
  /** Sees the validated object; changes nothing. */
  validate?(request: AdmissionRequest): Promise<void> | void;
  /** Last step before the write: takes what only one writer may have. May fill it into `request.object`. */
  reserve?(request: AdmissionRequest): Promise<Reservation | undefined>;
}

/** A plug-in that has that step. */
type Doing<Step extends keyof AdmissionPlugin> = AdmissionPlugin & Required<Pick<AdmissionPlugin, Step>>;

interface Timed<P extends AdmissionPlugin> {
  plugin: P;
  note: PluginTime | undefined;
}

/** The hook: runs the plug-ins in order. */
export class AdmissionChain {
  readonly #mutating: readonly Timed<Doing<'mutate'>>[];
  readonly #validating: readonly Timed<Doing<'validate'>>[];
  readonly #reserving: readonly Doing<'reserve'>[];

  readonly #metrics: StepMetrics | undefined;

  constructor(plugins: readonly AdmissionPlugin[], metrics?: StepMetrics) {
    this.#metrics = metrics;
    const doing = <Step extends keyof AdmissionPlugin>(step: Step) =>
      plugins.filter((plugin): plugin is Doing<Step> => plugin[step] !== undefined);
    const timed = <P extends AdmissionPlugin>(type: AdmissionStep, those: readonly P[]): Timed<P>[] =>
      those.map((plugin) => ({ plugin, note: metrics?.plugin(plugin.name, type) }));
    this.#mutating = timed('admit', doing('mutate'));
    this.#validating = timed('validate', doing('validate'));
    this.#reserving = doing('reserve');
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    request.reinvocation = { isSecond: false, isWanted: false };
    await this.#mutateOnce(request);
    if (!request.reinvocation.isWanted) return;
    request.reinvocation = { isSecond: true, isWanted: false };
    await this.#mutateOnce(request);
  }

  #mutateOnce(request: AdmissionRequest): Promise<void> {
    return this.#step('admit', request, this.#mutating, (plugin) => plugin.mutate(request));
  }

  validate(request: AdmissionRequest): Promise<void> {
    return this.#step('validate', request, this.#validating, (plugin) => plugin.validate(request));
  }

  /** Plug-ins answer at once where they can, and then nothing is waited for. */
  async #step<P extends AdmissionPlugin>(
    type: AdmissionStep,
    { operation }: AdmissionRequest,
    plugins: readonly Timed<P>[],
    run: (plugin: P) => Promise<void> | void,
  ): Promise<void> {
    const beginMs = performance.now();
    let sinceMs = beginMs;
    for (const { plugin, note } of plugins) {
      let rejected = true;
      try {
        const done = run(plugin);
        if (done !== undefined) await done;
        rejected = false;
      } finally {
        const nowMs = performance.now();
        note?.(operation, rejected, nowMs - sinceMs);
        if (rejected) this.#metrics?.step(type, operation, true, nowMs - beginMs);
        sinceMs = nowMs;
      }
    }
    this.#metrics?.step(type, operation, false, sinceMs - beginMs);
  }

  /** Runs `write` with everything reserved; commits when it succeeds, gives back when it fails or was a dry run. */
  async around<T>(request: AdmissionRequest, write: () => Promise<T>): Promise<T> {
    const reservations: Reservation[] = [];
    let done = false;
    try {
      for (const plugin of this.#reserving) {
        const reservation = await plugin.reserve(request);
        if (reservation !== undefined) reservations.push(reservation);
      }
      const result = await write();
      done = !request.dryRun;
      return result;
    } finally {
      for (const reservation of reservations.reverse()) {
        await (done ? reservation.commit() : reservation.rollback());
      }
    }
  }
}

/** Reads of the stored objects, for plug-ins and authorizers. What they hand out is shared: do not change it. */
export interface StoredObjects {
  find<T extends KubeObject>(
    resource: { group: string; resource: string },
    address: { workspace: string; namespace?: string; name: string },
  ): Promise<Readonly<T> | undefined>;
  list<T extends KubeObject>(
    resource: { group: string; resource: string },
    where: { workspace: string; namespace?: string },
  ): Promise<{ workspace: string; object: Readonly<T> }[]>;
  /** True when it is known, without looking, that a list would be empty. */
  hasNone?(
    resource: { group: string; resource: string },
    where: { workspace: string; namespace?: string },
  ): boolean;
  /** Resolves with the object as soon as it exists, with undefined after `timeoutMs`. */
  waitFor<T extends KubeObject>(
    resource: { group: string; resource: string },
    address: { workspace: string; namespace?: string; name: string },
    timeoutMs: number,
  ): Promise<Readonly<T> | undefined>;
}
