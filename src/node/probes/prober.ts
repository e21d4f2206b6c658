import type { Clock, Log } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { ProbeResults } from '../pods/pod-actions.ts';
import {
  firstProbeState,
  type ProbeKind,
  type ProbeOutcome,
  type ProbeState,
  stepProbe,
} from './probe-state.ts';
import { runProbe } from './run-probe.ts';

/** A running container to probe. */
export interface ProbedContainer {
  container: corev1.Container;
  id: string;
  startedAtMs: number;
  /** What the API showed of this very incarnation before this process started. */
  known?: ProbeResults;
}

export interface ProberOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  userAgent: string;
  /** A result that the pod's worker acts on has changed. */
  onChange(podUid: string): void;
  /** For the Unhealthy event: `Liveness probe failed: …`. */
  onUnhealthy(pod: corev1.Pod, container: corev1.Container, message: string): void;
}

interface Watch {
  podUid: string;
  results: ProbeResults;
  stop: AbortController;
}

const TITLES: Record<ProbeKind, string> = {
  startup: 'Startup',
  liveness: 'Liveness',
  readiness: 'Readiness',
};

/** Probes the containers it is told of, each incarnation from its start to its end. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #watches = new Map<string, Watch>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** By engine id. */
  get results(): ReadonlyMap<string, ProbeResults> {
    return new Map([...this.#watches].map(([id, watch]) => [id, watch.results]));
  }

  resultsOf(id: string): ProbeResults | undefined {
    return this.#watches.get(id)?.results;
  }

  /** From now on exactly these containers of the pod are probed. */
  sync(pod: corev1.Pod, podIP: string, running: readonly ProbedContainer[]): void {
    const podUid = pod.metadata.uid;
    const ids = new Set(running.map(({ id }) => id));
    for (const [id, watch] of this.#watches) {
      if (watch.podUid === podUid && !ids.has(id)) this.#drop(id, watch);
    }
    for (const probed of running) {
      if (!this.#watches.has(probed.id)) this.#start(pod, podIP, probed);
    }
  }

  forget(podUid: string): void {
    for (const [id, watch] of this.#watches) if (watch.podUid === podUid) this.#drop(id, watch);
  }

  stop(): void {
    for (const [id, watch] of this.#watches) this.#drop(id, watch);
  }

  #drop(id: string, watch: Watch): void {
    watch.stop.abort();
    this.#watches.delete(id);
  }

  #start(pod: corev1.Pod, podIP: string, probed: ProbedContainer): void {
    const { container, id } = probed;
    const watch: Watch = {
      podUid: pod.metadata.uid,
      results: { ...probed.known },
      stop: new AbortController(),
    };
    this.#watches.set(id, watch);
    const probe = (kind: ProbeKind, spec: corev1.Probe | undefined) =>
      spec === undefined ? Promise.resolve() : this.#loop(kind, spec, { pod, podIP, probed, watch });
    const startup = watch.results.startup === 'success' ? undefined : container.startupProbe;
    probe('startup', startup)
      .then(() => {
        if (watch.stop.signal.aborted || watch.results.startup === 'failure') return undefined;
        return Promise.all([
          probe('liveness', container.livenessProbe),
          probe('readiness', container.readinessProbe),
        ]);
      })
      .catch((error) => {
        if (!watch.stop.signal.aborted) this.#options.log.error('a probe ended', { error, container: id });
      });
  }

  /** Startup probes end with their first result, the others with the container. */
  async #loop(
    kind: ProbeKind,
    probe: corev1.Probe,
    at: { pod: corev1.Pod; podIP: string; probed: ProbedContainer; watch: Watch },
  ): Promise<void> {
    const { clock, engine, userAgent } = this.#options;
    const { pod, podIP, probed, watch } = at;
    const { container, id } = probed;
    const { signal } = watch.stop;
    const known = watch.results[kind];
    let state: ProbeState = firstProbeState(kind, probe, probed.startedAtMs, clock.now(), known);
    for (;;) {
      const waitMs = state.nextAtMs - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      const outcome = await runProbe(probe, { engine, containerId: id, container, podIP, userAgent });
      if (signal.aborted) return;
      const step = stepProbe(state, probe, outcome, clock.now());
      state = step.state;
      if (step.complain) this.#options.onUnhealthy(pod, container, complaint(kind, outcome));
      if (step.changed) {
        watch.results = { ...watch.results, [kind]: state.result };
        this.#options.onChange(watch.podUid);
      }
      if (kind === 'startup' && state.result !== undefined) return;
      // The container is about to be stopped; its successor is probed anew.
      if (kind === 'liveness' && state.result === 'failure') return;
    }
  }
}

function complaint(kind: ProbeKind, outcome: ProbeOutcome): string {
  const what = outcome.result === 'unknown' ? 'errored' : 'failed';
  return `${TITLES[kind]} probe ${what}: ${outcome.output}`;
}
