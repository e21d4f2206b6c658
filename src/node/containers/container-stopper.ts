import { type Clock, type Log, NotFound } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { runLifecycleHook } from '../lifecycle/lifecycle-hook.ts';
import type { PodEvents } from '../pods/pod-events.ts';

/** Every stop gets at least this, so that a process can end by itself (pkg/kubelet/kuberuntime). */
export const minimalGraceSeconds = 2;

export interface StopRequest {
  pod: corev1.Pod;
  /** Absent when the pod's spec no longer has it. */
  container?: corev1.Container;
  id: string;
  podIP: string;
  graceSeconds: number;
  /** The sentence of the Killing event. */
  message: string;
}

export interface ContainerStopperOptions {
  engine: Engine;
  events: PodEvents;
  clock: Clock;
  log: Log;
  userAgent: string;
}

/** Stops containers: Killing event, preStop within the grace period, stop signal, SIGKILL. */
export class ContainerStopper {
  readonly #options: ContainerStopperOptions;
  /** Stops under way, by pod: a shorter grace period ends them sooner. */
  readonly #underWay = new Map<string, Set<{ id: string; deadlineMs: number }>>();

  constructor(options: ContainerStopperOptions) {
    this.#options = options;
  }

  async stop(request: StopRequest): Promise<void> {
    const { clock, engine, events } = this.#options;
    const { pod, container, id } = request;
    const graceSeconds = Math.max(minimalGraceSeconds, request.graceSeconds);
    if (container) events.container(pod, container, 'Normal', 'Killing', request.message);
    const entry = { id, deadlineMs: clock.now() + graceSeconds * 1000 };
    const entries = this.#underWay.get(pod.metadata.uid) ?? new Set();
    this.#underWay.set(pod.metadata.uid, entries.add(entry));
    try {
      const hook = container?.lifecycle?.preStop;
      if (hook) await this.#preStop(request, hook, entry.deadlineMs);
      const leftSeconds = Math.ceil((entry.deadlineMs - clock.now()) / 1000);
      await engine.stop(id, Math.max(minimalGraceSeconds, leftSeconds));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    } finally {
      entries.delete(entry);
      if (entries.size === 0) this.#underWay.delete(pod.metadata.uid);
    }
  }

  /** From now on the pod's stops under way have only so long left. */
  shorten(podUid: string, graceSeconds: number): void {
    const { clock, engine, log } = this.#options;
    for (const entry of this.#underWay.get(podUid) ?? []) {
      const deadlineMs = clock.now() + Math.max(minimalGraceSeconds, graceSeconds) * 1000;
      if (deadlineMs >= entry.deadlineMs) continue;
      entry.deadlineMs = deadlineMs;
      clock
        .sleep(deadlineMs - clock.now())
        .then(() => (this.#underWay.get(podUid)?.has(entry) ? engine.kill(entry.id, 'SIGKILL') : undefined))
        .catch((error) => {
          if (!(error instanceof NotFound)) log.warn('cannot kill', { container: entry.id, error });
        });
    }
  }

  /** A hook that fails or takes too long does not hold the stop up. */
  async #preStop(request: StopRequest, hook: corev1.LifecycleHandler, deadlineMs: number): Promise<void> {
    const { clock, engine, events, log, userAgent } = this.#options;
    const { pod, id, podIP } = request;
    const container = request.container!;
    const timeoutMs = deadlineMs - clock.now();
    try {
      await runLifecycleHook(hook, {
        engine,
        clock,
        containerId: id,
        container,
        podIP,
        userAgent,
        timeoutMs,
      });
    } catch (error) {
      log.info('preStop hook failed', { pod: pod.metadata.uid, container: container.name, error });
      events.container(pod, container, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }
}
