import type { autoscalingv1, autoscalingv2 } from '../types/index.generated.ts';

/**
 * HorizontalPodAutoscalers of autoscaling/v1 and v2, of which v2 is stored. What v1 has no fields for stands in
 * annotations, as JSON of v1's own metric types (k8s.io/kubernetes/pkg/apis/autoscaling/v1/conversion.go).
 */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const STATUSES = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';

type AutoscalerV1 = autoscalingv1.HorizontalPodAutoscaler;
type AutoscalerV2 = autoscalingv2.HorizontalPodAutoscaler;
type MetricV1 = autoscalingv1.MetricSpec;
type MetricV2 = autoscalingv2.MetricSpec;
type StatusV1 = autoscalingv1.MetricStatus;
type StatusV2 = autoscalingv2.MetricStatus;

/** The v2 object a v1 one means. Annotations that are not JSON are dropped, as upstream drops them. */
export function toAutoscalerV2(autoscaler: AutoscalerV1): AutoscalerV2 {
  const { spec, status, metadata } = autoscaler;
  const { annotations, rest } = splitAnnotations(metadata.annotations);
  const { targetCPUUtilizationPercentage: cpu, ...sameSpec } = spec ?? ({} as AutoscalerV1['spec']);
  const metrics = jsonList<MetricV1>(annotations[METRICS]).map(metricToV2);
  if (cpu !== undefined) metrics.push(cpuMetric(cpu));
  const behavior = jsonObject(annotations[BEHAVIOR]);
  const { annotations: _, ...sameMetadata } = metadata;
  return {
    ...autoscaler,
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { ...sameMetadata, ...(rest !== undefined && { annotations: rest }) },
    spec: {
      ...sameSpec,
      ...(metrics.length > 0 && { metrics }),
      ...(behavior !== undefined && { behavior }),
    },
    ...(status !== undefined && { status: statusToV2(status, annotations) }),
  } as AutoscalerV2;
}

/** How v1 shows a stored object. */
export function toAutoscalerV1(autoscaler: AutoscalerV2): AutoscalerV1 {
  const { spec, status, metadata } = autoscaler;
  const { metrics = [], behavior, ...sameSpec } = spec;
  const cpu = metrics.find((metric) => cpuUtilization(metric) !== undefined);
  const others = metrics.filter((metric) => metric !== cpu);
  const { currentMetrics = [], conditions = [], ...sameStatus } = status ?? { desiredReplicas: 0 };
  const currentCpu = (currentMetrics ?? []).find(
    ({ type, resource }) => type === 'Resource' && resource?.name === 'cpu',
  )?.resource?.current.averageUtilization;
  const annotations: Record<string, string> = { ...metadata.annotations };
  if (others.length > 0) annotations[METRICS] = JSON.stringify(others.map(metricToV1));
  if (currentMetrics?.length > 0) annotations[STATUSES] = JSON.stringify(currentMetrics.map(statusToV1));
  if (conditions.length > 0) annotations[CONDITIONS] = JSON.stringify(conditions);
  if (behavior !== undefined) annotations[BEHAVIOR] = JSON.stringify(behavior);
  const { annotations: _, ...sameMetadata } = metadata;
  return {
    ...autoscaler,
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { ...sameMetadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: {
      ...sameSpec,
      ...(cpu !== undefined && { targetCPUUtilizationPercentage: cpuUtilization(cpu)! }),
    },
    status: {
      ...sameStatus,
      currentReplicas: sameStatus.currentReplicas ?? 0,
      ...(currentCpu !== undefined && { currentCPUUtilizationPercentage: currentCpu }),
    },
  } as AutoscalerV1;
}

function cpuUtilization({ type, resource }: MetricV2): number | undefined {
  return type === 'Resource' && resource?.name === 'cpu' ? resource.target.averageUtilization : undefined;
}

export function cpuMetric(averageUtilization: number): MetricV2 {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } };
}

function splitAnnotations(all: Record<string, string> | undefined) {
  const annotations: Record<string, string> = {};
  const others: Record<string, string> = {};
  for (const [key, value] of Object.entries(all ?? {})) {
    const ours = key === METRICS || key === STATUSES || key === CONDITIONS || key === BEHAVIOR;
    (ours ? annotations : others)[key] = value;
  }
  return { annotations, rest: Object.keys(others).length > 0 ? others : undefined };
}

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Not JSON: upstream ignores it too.
  }
}

function jsonList<T>(text: string | undefined): T[] {
  const value = parsed(text);
  return Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : [];
}

function jsonObject(text: string | undefined): object | undefined {
  const value = parsed(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

function statusToV2(
  status: autoscalingv1.HorizontalPodAutoscalerStatus,
  annotations: Record<string, string>,
): AutoscalerV2['status'] {
  const { currentCPUUtilizationPercentage: cpu, ...same } = status;
  let currentMetrics = jsonList<StatusV1>(annotations[STATUSES]).map(statusToV2Metric);
  if (currentMetrics.length === 0 && cpu !== undefined) {
    const resource = { name: 'cpu', current: { averageUtilization: cpu } };
    currentMetrics = [{ type: 'Resource', resource }];
  }
  const conditions = jsonList<autoscalingv2.HorizontalPodAutoscalerCondition>(annotations[CONDITIONS]);
  return {
    ...same,
    ...(currentMetrics.length > 0 && { currentMetrics }),
    ...(conditions.length > 0 && { conditions }),
  };
}

type Amount = string | number | undefined;

/** A target of v2: the type says which of the three it is. */
function targetOf(value: Amount, averageValue: Amount, averageUtilization?: number) {
  const type =
    averageUtilization !== undefined ? 'Utilization' : averageValue !== undefined ? 'AverageValue' : 'Value';
  return compact({
    type,
    value: averageValue === undefined ? value : undefined,
    averageValue,
    averageUtilization,
  });
}

/** Without the fields that are not there. */
function compact<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

function metricToV2({ type, object, pods, resource, containerResource, external }: MetricV1): MetricV2 {
  return compact({
    type,
    object: object && {
      describedObject: object.target,
      metric: compact({ name: object.metricName, selector: object.selector }),
      target: targetOf(object.targetValue, object.averageValue),
    },
    pods: pods && {
      metric: compact({ name: pods.metricName, selector: pods.selector }),
      target: targetOf(undefined, pods.targetAverageValue),
    },
    resource: resource && {
      name: resource.name,
      target: targetOf(undefined, resource.targetAverageValue, resource.targetAverageUtilization),
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      target: targetOf(
        undefined,
        containerResource.targetAverageValue,
        containerResource.targetAverageUtilization,
      ),
    },
    external: external && {
      metric: compact({ name: external.metricName, selector: external.metricSelector }),
      target: targetOf(external.targetValue, external.targetAverageValue),
    },
  }) as MetricV2;
}

function metricToV1({ type, object, pods, resource, containerResource, external }: MetricV2): MetricV1 {
  return compact({
    type,
    object:
      object &&
      compact({
        target: object.describedObject,
        metricName: object.metric.name,
        targetValue: object.target.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.target.averageValue,
      }),
    pods:
      pods &&
      compact({
        metricName: pods.metric.name,
        targetAverageValue: pods.target.averageValue ?? '0',
        selector: pods.metric.selector,
      }),
    resource:
      resource &&
      compact({
        name: resource.name,
        targetAverageUtilization: resource.target.averageUtilization,
        targetAverageValue: resource.target.averageValue,
      }),
    containerResource:
      containerResource &&
      compact({
        name: containerResource.name,
        targetAverageUtilization: containerResource.target.averageUtilization,
        targetAverageValue: containerResource.target.averageValue,
        container: containerResource.container,
      }),
    external:
      external &&
      compact({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        targetValue: external.target.value,
        targetAverageValue: external.target.averageValue,
      }),
  }) as MetricV1;
}

function statusToV2Metric({ type, object, pods, resource, containerResource, external }: StatusV1): StatusV2 {
  return compact({
    type,
    object: object && {
      describedObject: object.target,
      metric: compact({ name: object.metricName, selector: object.selector }),
      current: compact({ value: object.currentValue, averageValue: object.averageValue }),
    },
    pods: pods && {
      metric: compact({ name: pods.metricName, selector: pods.selector }),
      current: compact({ averageValue: pods.currentAverageValue }),
    },
    resource: resource && {
      name: resource.name,
      current: compact({
        averageUtilization: resource.currentAverageUtilization,
        averageValue: resource.currentAverageValue,
      }),
    },
    containerResource: containerResource && {
      name: containerResource.name,
      container: containerResource.container,
      current: compact({
        averageUtilization: containerResource.currentAverageUtilization,
        averageValue: containerResource.currentAverageValue,
      }),
    },
    external: external && {
      metric: compact({ name: external.metricName, selector: external.metricSelector }),
      current: compact({ value: external.currentValue, averageValue: external.currentAverageValue }),
    },
  }) as StatusV2;
}

function statusToV1({ type, object, pods, resource, containerResource, external }: StatusV2): StatusV1 {
  return compact({
    type,
    object:
      object &&
      compact({
        target: object.describedObject,
        metricName: object.metric.name,
        currentValue: object.current.value ?? '0',
        selector: object.metric.selector,
        averageValue: object.current.averageValue,
      }),
    pods:
      pods &&
      compact({
        metricName: pods.metric.name,
        currentAverageValue: pods.current.averageValue ?? '0',
        selector: pods.metric.selector,
      }),
    resource:
      resource &&
      compact({
        name: resource.name,
        currentAverageUtilization: resource.current.averageUtilization,
        currentAverageValue: resource.current.averageValue ?? '0',
      }),
    containerResource:
      containerResource &&
      compact({
        name: containerResource.name,
        currentAverageUtilization: containerResource.current.averageUtilization,
        currentAverageValue: containerResource.current.averageValue ?? '0',
        container: containerResource.container,
      }),
    external:
      external &&
      compact({
        metricName: external.metric.name,
        metricSelector: external.metric.selector,
        currentValue: external.current.value ?? '0',
        currentAverageValue: external.current.averageValue,
      }),
  }) as StatusV1;
}
