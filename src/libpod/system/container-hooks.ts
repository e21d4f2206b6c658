import { processIdentity } from '../../engine/index.ts';
import type { ContainerLifecycle } from '../containers/parts.ts';
import type { Container } from '../containers/stored-container.ts';
import type { HealthChecks } from '../health/health-checks.ts';
import { healthCheckPlan } from '../health/health-config.ts';
import type { HealthState } from '../libpod.ts';
import type { LocalPods } from '../pods/local-pods.ts';
import { restartDecision } from '../restarts/restart-decision.ts';
import type { Restarts } from '../restarts/restarts.ts';

export interface ContainerHooksOptions {
  restarts: Restarts;
  health: HealthChecks;
  pods: Pick<LocalPods, 'containerEnded' | 'containerRemoved' | 'infraEnded'>;
}

/** What happens to a container's health checks, its restart policy and its pod when it starts, ends and goes. */
export class ContainerHooks implements ContainerLifecycle {
  readonly #options: ContainerHooksOptions;

  constructor(options: ContainerHooksOptions) {
    this.#options = options;
  }

  async started(container: Container): Promise<void> {
    const { config, options } = container.stored;
    const plan = healthCheckPlan(config.Healthcheck, undefined, config.Shell);
    if (plan === undefined) return;
    const process = container.state.pid === undefined ? undefined : processIdentity(container.state.pid);
    await this.#options.health.begin({
      id: container.id,
      plan,
      onFailure: options.Podman?.HealthOnFailure ?? 'none',
      startedAtMs: Date.parse(container.state.startedAt ?? new Date().toISOString()),
      ...(process !== undefined && { process }),
    });
  }

  async startedByUser(id: string): Promise<void> {
    await this.#options.restarts.beginAnew(id);
  }

  async stoppedByUser(id: string): Promise<void> {
    await this.#options.restarts.stop(id);
  }

  async ended(container: Container): Promise<void> {
    await this.#options.health.end(container.id);
    const { podId, isInfra } = container.stored;
    if (podId === undefined) return;
    if (isInfra) return await this.#options.pods.infraEnded(podId);
    if ((await this.#decide(container)) === 'stay') await this.#options.pods.containerEnded(podId);
  }

  async removed(id: string): Promise<void> {
    await this.#options.restarts.forget(id);
    await this.#options.health.forget(id);
    await this.#options.pods.containerRemoved(id);
  }

  async shallRestart(container: Container): Promise<boolean> {
    const decision = await this.#decide(container);
    return decision !== 'stay' && (await this.#options.restarts.waitFor(container.id, decision.delayMs));
  }

  async facts(
    id: string,
  ): Promise<{ health?: 'starting' | 'healthy' | 'unhealthy'; restarts: number; isWaiting: boolean }> {
    const [book, health] = await Promise.all([
      this.#options.restarts.read(id),
      this.#options.health.stateOf(id),
    ]);
    return {
      ...(health && { health: health.Status }),
      restarts: book.restarts,
      isWaiting: book.waiting !== undefined,
    };
  }

  async healthLog(id: string): Promise<HealthState | undefined> {
    return await this.#options.health.stateOf(id);
  }

  async #decide({ id, state, stored }: Container): Promise<{ delayMs: number } | 'stay'> {
    const book = await this.#options.restarts.read(id);
    const startedMs = Date.parse(state.startedAt ?? '');
    const endedMs = Date.parse(state.finishedAt ?? '');
    return restartDecision({
      policy: stored.hostConfig.RestartPolicy,
      exitCode: state.exitCode ?? 0,
      wasStopped: book.wasStopped === true,
      restarts: book.restarts,
      lastDelayMs: book.lastDelayMs,
      ranMs: endedMs - startedMs || 0,
    });
  }
}
