import type { TableColumn } from '../resource.ts';
import type { autoscalingv2, policyv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

type Autoscaler = autoscalingv2.HorizontalPodAutoscaler;

const UNKNOWN = '<unknown>';
const MOST_METRICS = 2;

/** `cpu: 12%/80%, 5/10 + 1 more...`. */
function targetsOf({ spec, status }: Autoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const texts = metrics.map((metric, index) => targetOf(metric, status?.currentMetrics?.[index]));
  const shown = texts.slice(0, MOST_METRICS).join(', ');
  return texts.length > MOST_METRICS ? `${shown} + ${texts.length - MOST_METRICS} more...` : shown;
}

function targetOf(metric: autoscalingv2.MetricSpec, status: autoscalingv2.MetricStatus | undefined): string {
  switch (metric.type) {
    case 'External':
      return valueText(metric.external?.target, status?.external?.current);
    case 'Object':
      return valueText(metric.object?.target, status?.object?.current);
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? UNKNOWN}/${metric.pods?.target.averageValue ?? ''}`;
    case 'Resource':
      return resourceText(metric.resource, status?.resource?.current);
    case 'ContainerResource':
      return resourceText(metric.containerResource, status?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

function valueText(
  target: autoscalingv2.MetricTarget | undefined,
  current: autoscalingv2.MetricValueStatus | undefined,
): string {
  return target?.averageValue !== undefined
    ? `${current?.averageValue ?? UNKNOWN}/${target.averageValue} (avg)`
    : `${current?.value ?? UNKNOWN}/${target?.value ?? ''}`;
}

function resourceText(
  source: autoscalingv2.ResourceMetricSource | undefined,
  current: autoscalingv2.MetricValueStatus | undefined,
): string {
  const { averageValue, averageUtilization } = source?.target ?? {};
  const name = source?.name ?? '';
  if (averageValue !== undefined) return `${name}: ${current?.averageValue ?? UNKNOWN}/${averageValue}`;
  const now = current?.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
  return `${name}: ${now}/${averageUtilization === undefined ? '<auto>' : `${averageUtilization}%`}`;
}

export const autoscalerColumns: readonly TableColumn[] = [
  nameColumn,
  column<Autoscaler>(
    'Reference',
    'What is scaled.',
    ({ spec }) => `${spec.scaleTargetRef?.kind ?? ''}/${spec.scaleTargetRef?.name ?? ''}`,
  ),
  column<Autoscaler>('Targets', 'What is measured, now and as it should be.', targetsOf),
  column<Autoscaler>('MinPods', 'No fewer pods than this.', ({ spec }) =>
    spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
  ),
  column<Autoscaler>('MaxPods', 'No more pods than this.', ({ spec }) => spec.maxReplicas ?? 0),
  column<Autoscaler>('Replicas', 'How many pods there are.', ({ status }) => status?.currentReplicas ?? 0),
  ageColumn,
];

type Budget = policyv1.PodDisruptionBudget;

export const disruptionBudgetColumns: readonly TableColumn[] = [
  nameColumn,
  column<Budget>('Min Available', 'How many pods must stay available.', ({ spec }) =>
    String(spec.minAvailable ?? 'N/A'),
  ),
  column<Budget>('Max Unavailable', 'How many pods may be unavailable.', ({ spec }) =>
    String(spec.maxUnavailable ?? 'N/A'),
  ),
  column<Budget>(
    'Allowed Disruptions',
    'How many pods may be disrupted now.',
    ({ status }) => status?.disruptionsAllowed ?? 0,
    { type: 'integer' },
  ),
  ageColumn,
];
