import { messageOf } from '../../base/index.ts';
import { type Client, type EventRecorder, type Informer, namespaceKeyOf } from '../../client/index.ts';
import {
  type autoscalingv1,
  type autoscalingv2,
  type corev1,
  parseLabelSelector,
  parseQuantity,
  type Selector,
} from '../../kube/index.ts';
import { kubeTime } from '../context.ts';
import type { Tolerance } from './metric-replicas.ts';
import { type Measurement, MetricFailure, measure } from './metric-sources.ts';
import type { ScaleTargets } from './scale-targets.ts';
import { allowedReplicas, noteScaling, type ScalingHistory } from './scaling-rules.ts';

type Autoscaler = autoscalingv2.HorizontalPodAutoscaler;
type Condition = autoscalingv2.HorizontalPodAutoscalerCondition;
type Scale = autoscalingv1.Scale;

const DEFAULT_TOLERANCE = 0.1;

export interface AutoscalerParts {
  client: Client;
  recorder: EventRecorder;
  pods: Informer<corev1.Pod>;
  targets: ScaleTargets;
  history: ScalingHistory;
  nowMs: number;
}

/**
 * One look at one autoscaler: what its target has, what its metrics ask for, what of that may be done.
 * Source: k8s.io/kubernetes/pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler.
 */
export class AutoscalerSync {
  readonly #autoscaler: Autoscaler;
  readonly #parts: AutoscalerParts;
  #status: autoscalingv2.HorizontalPodAutoscalerStatus;

  constructor(autoscaler: Autoscaler, parts: AutoscalerParts) {
    this.#autoscaler = autoscaler;
    this.#parts = parts;
    const { generation } = autoscaler.metadata;
    this.#status = {
      ...structuredClone(autoscaler.status ?? { desiredReplicas: 0 }),
      ...(generation !== undefined && { observedGeneration: generation }),
    };
  }

  /** What is to be written, also when `run` failed. */
  get status(): autoscalingv2.HorizontalPodAutoscalerStatus {
    return this.#status;
  }

  /** @throws Error for what events and conditions have told by then */
  async run(): Promise<void> {
    const { scale, update } = await this.#getScale();
    const { spec } = this.#autoscaler;
    const { history, nowMs } = this.#parts;
    const current = scale.spec?.replicas ?? 0;
    if (history.recommendations.length === 0)
      history.recommendations.push({ replicas: current, atMs: nowMs });
    const min = spec.minReplicas ?? 1;
    this.#status.currentReplicas = current;
    if (current === 0 && min !== 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      this.#set('ScalingActive', 'False', 'ScalingDisabled', message);
      this.#status.desiredReplicas = 0;
      delete this.#status.currentMetrics;
      return;
    }
    const wish = await this.#wish(scale, current, min);
    this.#status.desiredReplicas = wish.replicas;
    this.#status.currentMetrics = wish.metrics;
    if (wish.replicas !== current) await this.#rescale(scale, wish, update);
  }

  async #getScale(): Promise<{ scale: Scale; update: (scale: Scale) => Promise<Scale> }> {
    const { client, targets } = this.#parts;
    const { scaleTargetRef } = this.#autoscaler.spec;
    const { namespace } = this.#autoscaler.metadata;
    try {
      const objects = client.resource(await targets.find(client, scaleTargetRef));
      const scale = await objects.getSubresource<Scale>(scaleTargetRef.name, 'scale', namespace);
      const message = "the HPA controller was able to get the target's current scale";
      this.#set('AbleToScale', 'True', 'SucceededGetScale', message);
      return { scale, update: (next) => objects.updateSubresource(next, 'scale') };
    } catch (error) {
      const why = messageOf(error);
      this.#tell('Warning', 'FailedGetScale', why);
      const message = `the HPA controller was unable to get the target's current scale: ${why}`;
      this.#set('AbleToScale', 'False', 'FailedGetScale', message);
      throw error;
    }
  }

  async #wish(
    scale: Scale,
    current: number,
    min: number,
  ): Promise<{ replicas: number; why: string; metrics: autoscalingv2.MetricStatus[] }> {
    const { spec } = this.#autoscaler;
    const max = spec.maxReplicas;
    if (current > max)
      return { replicas: max, why: 'Current number of replicas above Spec.MaxReplicas', metrics: [] };
    if (current < min)
      return { replicas: min, why: 'Current number of replicas below Spec.MinReplicas', metrics: [] };
    const { best, metrics } = await this.#measureAll(scale, current);
    const { behavior } = spec;
    const { history, nowMs } = this.#parts;
    const desired = best.replicas;
    const allowed = allowedReplicas({ current, desired, min, max, behavior, nowMs }, history);
    this.#set('AbleToScale', 'True', allowed.stabilized.reason, allowed.stabilized.message);
    const { isLimited, reason, message } = allowed.limited;
    this.#set('ScalingLimited', isLimited ? 'True' : 'False', reason, message);
    const why = desired > current ? `${best.name} above target` : 'All metrics below target';
    return { replicas: allowed.replicas, why, metrics };
  }

  async #measureAll(
    scale: Scale,
    current: number,
  ): Promise<{ best: Measurement; metrics: autoscalingv2.MetricStatus[] }> {
    const { client, pods, nowMs } = this.#parts;
    const selector = this.#selectorOf(scale);
    const facts = {
      namespace: this.#autoscaler.metadata.namespace ?? '',
      selector: selector.toString(),
      pods: pods
        .byIndex('namespace', namespaceKeyOf(this.#autoscaler))
        .filter(({ metadata }) => selector.matches(metadata.labels)),
      currentReplicas: current,
      tolerance: this.#tolerance(),
      nowMs,
    };
    const all = this.#autoscaler.spec.metrics ?? [];
    const measured: Measurement[] = [];
    const failures: MetricFailure[] = [];
    for (const metric of all)
      try {
        measured.push(await measure(client, metric, facts));
      } catch (error) {
        if (!(error instanceof MetricFailure)) throw error;
        this.#tell('Warning', error.reason, error.inner);
        failures.push(error);
      }
    const [first, ...more] = measured;
    const best = first && more.reduce((a, b) => (b.replicas > a.replicas ? b : a), first);
    const [failure] = failures;
    // With a metric missing a target may grow, but not shrink.
    if (best === undefined || (failure !== undefined && best.replicas < current)) {
      const message = `the HPA was unable to compute the replica count: ${failure?.inner}`;
      this.#set('ScalingActive', 'False', failure?.reason ?? 'InvalidMetricSourceType', message);
      const why = `invalid metrics (${failures.length} invalid out of ${all.length}), first error is: ${failure?.message}`;
      this.#tell('Warning', 'FailedComputeMetricsReplicas', why);
      throw new Error(why);
    }
    const message = `the HPA was able to successfully calculate a replica count from ${best.name}`;
    this.#set('ScalingActive', 'True', 'ValidMetricFound', message);
    return { best, metrics: measured.map(({ status }) => status) };
  }

  #selectorOf({ status }: Scale): Selector {
    if (!status?.selector) {
      this.#tell('Warning', 'SelectorRequired', 'selector is required');
      const message = "the HPA target's scale is missing a selector";
      this.#set('ScalingActive', 'False', 'InvalidSelector', message);
      throw new Error('selector is required');
    }
    try {
      return parseLabelSelector(status.selector);
    } catch (error) {
      const why = `couldn't convert selector into a corresponding internal selector object: ${messageOf(error)}`;
      this.#tell('Warning', 'InvalidSelector', why);
      this.#set('ScalingActive', 'False', 'InvalidSelector', why);
      throw new Error(why, { cause: error });
    }
  }

  #tolerance(): Tolerance {
    const { behavior } = this.#autoscaler.spec;
    const of = (rules: autoscalingv2.HPAScalingRules | undefined) =>
      rules?.tolerance === undefined ? DEFAULT_TOLERANCE : parseQuantity(rules.tolerance).milliValue() / 1000;
    return { up: of(behavior?.scaleUp), down: of(behavior?.scaleDown) };
  }

  async #rescale(
    scale: Scale,
    { replicas, why }: { replicas: number; why: string },
    update: (scale: Scale) => Promise<Scale>,
  ): Promise<void> {
    const { history, nowMs } = this.#parts;
    const from = scale.spec?.replicas ?? 0;
    try {
      await update({ ...scale, spec: { ...scale.spec, replicas } });
    } catch (error) {
      const failed = messageOf(error);
      this.#tell('Warning', 'FailedRescale', `New size: ${replicas}; reason: ${why}; error: ${failed}`);
      const message = `the HPA controller was unable to update the target scale: ${failed}`;
      this.#set('AbleToScale', 'False', 'FailedUpdateScale', message);
      this.#status.desiredReplicas = this.#autoscaler.status?.desiredReplicas ?? 0;
      throw error;
    }
    const message = `the HPA controller was able to update the target scale to ${replicas}`;
    this.#set('AbleToScale', 'True', 'SucceededRescale', message);
    this.#tell('Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${why}`);
    noteScaling(history, this.#autoscaler.spec.behavior, { from, to: replicas, nowMs });
    this.#status.lastScaleTime = kubeTime(nowMs);
  }

  #tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.recorder.event(this.#autoscaler, type, reason, message);
  }

  #set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const conditions = this.#status.conditions ?? [];
    const before = conditions.find((one) => one.type === type);
    const lastTransitionTime =
      before?.status === status && before.lastTransitionTime !== undefined
        ? before.lastTransitionTime
        : kubeTime(this.#parts.nowMs);
    const next: Condition = { type, status, lastTransitionTime, reason, message };
    this.#status.conditions =
      before === undefined ? [...conditions, next] : conditions.map((one) => (one === before ? next : one));
  }
}
