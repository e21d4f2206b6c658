import { messageOf } from '../../base/index.ts';
import { type Client, POD_METRICS } from '../../client/index.ts';
import { type autoscalingv2, type KubeObject, parseQuantity, Quantity } from '../../kube/index.ts';
import {
  type MetricFacts,
  type PodMetric,
  type Proposal,
  replicasForAverage,
  replicasForUtilization,
} from './metric-replicas.ts';

type Metric = autoscalingv2.MetricSpec;
type Target = autoscalingv2.MetricTarget;

/** metrics.k8s.io/v1beta1 PodMetrics. */
interface PodMetrics extends KubeObject {
  timestamp: string;
  window: string;
  containers: { name: string; usage: Record<string, string> }[];
}

export interface MetricTargetFacts extends Omit<MetricFacts, 'resource' | 'container' | 'metrics'> {
  namespace: string;
  /** Of the target's pods, as its Scale says it. */
  selector: string;
}

export interface Measurement {
  replicas: number;
  /** For the sentence that says what made the target grow. */
  name: string;
  status: autoscalingv2.MetricStatus;
}

/** Why a metric gave no number of pods: the reason of the condition. */
export class MetricFailure extends Error {
  readonly reason: string;
  /** What the condition says; `message` goes to whoever counts failures. */
  readonly inner: string;

  constructor(reason: string, inner: string, outer = inner) {
    super(outer);
    this.reason = reason;
    this.inner = inner;
  }
}

/**
 * How many pods one metric asks for. Metrics of resources come from metrics.k8s.io; there is nothing here that knows the
 * others, and upstream without an adapter says the same.
 * Source: k8s.io/kubernetes/pkg/controller/podautoscaler/{horizontal,metrics/client}.go.
 *
 * @throws MetricFailure
 */
export async function measure(
  client: Client,
  metric: Metric,
  facts: MetricTargetFacts,
): Promise<Measurement> {
  const { resource, containerResource } = metric;
  if (metric.type === 'Resource' && resource !== undefined) {
    const { proposal, text } = await fromResource(client, resource, facts, 'FailedGetResourceMetric');
    const { name } = resource;
    const status = { type: 'Resource', resource: { name, current: currentOf(proposal, resource.target) } };
    return { replicas: proposal.replicas, name: text, status };
  }
  if (metric.type === 'ContainerResource' && containerResource !== undefined) {
    const { name, container, target } = containerResource;
    const reason = 'FailedGetContainerResourceMetric';
    const { proposal, text } = await fromResource(client, containerResource, facts, reason);
    const current = currentOf(proposal, target);
    const status = { type: 'ContainerResource', containerResource: { name, container, current } };
    return { replicas: proposal.replicas, name: text.replace(' resource', ' container resource'), status };
  }
  throw unavailable(metric, facts.namespace);
}

async function fromResource(
  client: Client,
  { name, container, target }: { name: string; container?: string; target: Target },
  { namespace, selector, ...facts }: MetricTargetFacts,
  reason: string,
): Promise<{ proposal: Proposal; text: string }> {
  const what = target.averageValue === undefined ? 'utilization' : 'usage';
  try {
    const metrics = await fetchMetrics(client, { resource: name, namespace, selector, container });
    const known = { ...facts, resource: name, metrics, ...(container !== undefined && { container }) };
    if (target.averageValue !== undefined) {
      const milli = parseQuantity(target.averageValue).milliValue();
      return { proposal: replicasForAverage(known, milli), text: `${name} resource` };
    }
    const proposal = replicasForUtilization(known, target.averageUtilization ?? 0);
    return { proposal, text: `${name} resource utilization (percentage of request)` };
  } catch (error) {
    const inner = `failed to get ${name} ${what}: ${messageOf(error)}`;
    const outer =
      container === undefined ? inner : `failed to get ${container} container metric value: ${inner}`;
    throw new MetricFailure(reason, inner, outer);
  }
}

function currentOf({ average, utilization }: Proposal, target: Target): autoscalingv2.MetricValueStatus {
  const averageValue = new Quantity(BigInt(average) * 1_000_000n, 'DecimalSI').toString();
  return {
    averageValue,
    ...(target.averageValue === undefined &&
      utilization !== undefined && { averageUtilization: utilization }),
  };
}

async function fetchMetrics(
  client: Client,
  {
    resource,
    namespace,
    selector,
    container,
  }: { resource: string; namespace: string; selector: string; container: string | undefined },
): Promise<Map<string, PodMetric>> {
  const why = `unable to get metrics for resource ${resource}: `;
  let items: PodMetrics[];
  try {
    const request = { namespace, labelSelector: selector };
    items = (await client.resource<PodMetrics>(POD_METRICS).list(request)).items;
  } catch (error) {
    throw new Error(`${why}unable to fetch metrics from resource metrics API: ${messageOf(error)}`);
  }
  if (items.length === 0) throw new Error(`${why}no metrics returned from resource metrics API`);
  const metrics = new Map<string, PodMetric>();
  for (const pod of items) {
    const { name } = pod.metadata;
    const own = pod.containers.filter((one) => container === undefined || one.name === container);
    if (container !== undefined && own.length === 0) {
      const where = `${pod.metadata.namespace}/${name}`;
      const message = `container ${container} not present in metrics for pod ${where}`;
      throw new Error(`${why}failed to get container metrics: ${message}`);
    }
    if (own.length === 0 || own.some(({ usage }) => usage[resource] === undefined)) continue;
    const value = own.reduce((sum, { usage }) => sum + parseQuantity(usage[resource]!).milliValue(), 0);
    metrics.set(name, { atMs: Date.parse(pod.timestamp), windowMs: durationMs(pod.window), value });
  }
  return metrics;
}

/** Go's form of a duration, as metrics bear it: `15s`, `1m0s`, `20.5s`. */
function durationMs(text: string): number {
  const unitMs: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|h|m|s)/g)) sum += Number(number) * unitMs[unit!]!;
  return sum;
}

const NO_CUSTOM =
  'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered';

function unavailable({ type, pods, object, external }: Metric, namespace: string): MetricFailure {
  if (pods !== undefined) {
    const inner = `unable to get metric ${pods.metric.name}: ${NO_CUSTOM}`;
    return new MetricFailure('FailedGetPodsMetric', inner, `failed to get pods metric value: ${inner}`);
  }
  if (object !== undefined) {
    const { describedObject, metric } = object;
    const on = `${describedObject.kind} on ${namespace} ${describedObject.name}`;
    const inner = `unable to get metric ${metric.name}: ${on}/${NO_CUSTOM}`;
    return new MetricFailure('FailedGetObjectMetric', inner, `failed to get object metric value: ${inner}`);
  }
  if (external !== undefined) {
    const { name } = external.metric;
    const why = `the server could not find the requested resource (get ${name}.external.metrics.k8s.io)`;
    const inner = `unable to get external metric ${namespace}/${name}: unable to fetch metrics from external metrics API: ${why}`;
    return new MetricFailure(
      'FailedGetExternalMetric',
      inner,
      `failed to get ${name} external metric value: ${inner}`,
    );
  }
  return new MetricFailure('InvalidMetricSourceType', `unknown metric source type ${JSON.stringify(type)}`);
}
