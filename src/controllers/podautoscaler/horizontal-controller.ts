import { messageOf, NotFound } from '../../base/index.ts';
import {
  Controller,
  type EventRecorder,
  HORIZONTAL_POD_AUTOSCALERS,
  type Informer,
  keyOf,
  PODS,
  workspaceOf,
} from '../../client/index.ts';
import { type autoscalingv2, type corev1, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { AutoscalerSync } from './autoscaler-sync.ts';
import { ScaleTargets } from './scale-targets.ts';
import type { ScalingHistory } from './scaling-rules.ts';

type Autoscaler = autoscalingv2.HorizontalPodAutoscaler;

/** Upstream's default of --horizontal-pod-autoscaler-sync-period. */
const PERIOD_MS = 15_000;

/**
 * Sets the number of replicas of what HorizontalPodAutoscalers name by what its pods use, as metrics.k8s.io measures it.
 * Source: k8s.io/kubernetes/pkg/controller/podautoscaler.
 */
export class HorizontalPodAutoscalerController implements RunnableController {
  readonly name = 'horizontal-pod-autoscaler';
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #autoscalers: Informer<Autoscaler>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #targets: ScaleTargets;
  readonly #controller: Controller;
  readonly #histories = new Map<string, ScalingHistory>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#recorder = context.recorder.for(this.name);
    this.#autoscalers = context.informers.informer<Autoscaler>(HORIZONTAL_POD_AUTOSCALERS);
    this.#pods = context.informers.informer<corev1.Pod>(PODS);
    this.#targets = new ScaleTargets();
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#autoscalers.addHandler({
      onAdd: (autoscaler) => queue.add(keyOf(autoscaler)),
      // Its own status is news every period.
      onUpdate: (autoscaler, old) =>
        !semanticallyEqual(autoscaler.spec, old.spec) && queue.add(keyOf(autoscaler)),
      onDelete: (autoscaler) => this.#histories.delete(keyOf(autoscaler)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#autoscalers, this.#pods)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const autoscaler = this.#autoscalers.get(key);
    if (autoscaler === undefined || autoscaler.metadata.deletionTimestamp !== undefined) return undefined;
    const history = this.#histories.get(key) ?? { recommendations: [], ups: [], downs: [] };
    this.#histories.set(key, history);
    const client = this.#context.client.in(workspaceOf(autoscaler));
    const sync = new AutoscalerSync(autoscaler, {
      client,
      recorder: this.#recorder,
      pods: this.#pods,
      targets: this.#targets,
      history,
      nowMs: this.#context.clock.now(),
    });
    try {
      await sync.run();
    } catch (error) {
      // What it cannot do it has said in events and conditions; the next period looks again.
      this.#context.log.debug('cannot autoscale', { key, why: messageOf(error) });
    }
    const { status } = sync;
    if (!semanticallyEqual(autoscaler.status, status))
      try {
        await client.resource<Autoscaler>(HORIZONTAL_POD_AUTOSCALERS).updateStatus({ ...autoscaler, status });
      } catch (error) {
        if (!(error instanceof NotFound)) throw error;
      }
    return PERIOD_MS;
  }
}
