import type { KubeObject } from '../object.ts';
import type { Resource, TableColumn } from '../resource.ts';
import { autoscalerColumns } from '../table/autoscaler-columns.ts';
import type { autoscalingv1, autoscalingv2 } from '../types/index.generated.ts';
import {
  validateAutoscaler,
  validateAutoscalerStatus,
  validateAutoscalerUpdate,
} from '../validation/autoscalers.ts';
import { cpuMetric, toAutoscalerV1, toAutoscalerV2 } from './autoscaler-conversion.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

type AutoscalerV1 = autoscalingv1.HorizontalPodAutoscaler;
type AutoscalerV2 = autoscalingv2.HorizontalPodAutoscaler;

const DEFAULT_CPU_PERCENT = 80;

/** autoscaling/v2 SetDefaults_HorizontalPodAutoscaler and …Behavior. */
function defaultAutoscaler(object: KubeObject): void {
  const autoscaler = object as Partial<AutoscalerV2>;
  autoscaler.spec ??= {} as AutoscalerV2['spec'];
  const { spec } = autoscaler;
  spec.minReplicas ??= 1;
  if ((spec.metrics ?? []).length === 0) spec.metrics = [cpuMetric(DEFAULT_CPU_PERCENT)];
  const { behavior } = spec;
  if (behavior === undefined) return;
  behavior.scaleUp = {
    stabilizationWindowSeconds: 0,
    selectPolicy: 'Max',
    policies: [
      { type: 'Pods', value: 4, periodSeconds: 15 },
      { type: 'Percent', value: 100, periodSeconds: 15 },
    ],
    ...behavior.scaleUp,
  };
  behavior.scaleDown = {
    selectPolicy: 'Max',
    policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
    ...behavior.scaleDown,
  };
}

const shared = {
  group: 'autoscaling',
  kind: 'HorizontalPodAutoscaler',
  name: 'horizontalpodautoscalers',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: [statusSubresource],
  hasGeneration: false,
} as const;

export const autoscalersResource: Resource = {
  ...builtin({
    ...shared,
    version: 'v2',
    schema: { ref: 'autoscaling/v2.HorizontalPodAutoscaler' },
    columns: autoscalerColumns,
  }),
  defaults: defaultAutoscaler,
  prepareForCreate: dropStatus(() => ({ desiredReplicas: 0 })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateAutoscaler(object as AutoscalerV2),
  validateUpdate: (object, old) => validateAutoscalerUpdate(object as AutoscalerV2, old as AutoscalerV2),
  validateStatusUpdate: (object) => validateAutoscalerStatus(object as AutoscalerV2),
};

const asV2 = (object: KubeObject) => toAutoscalerV2(object as AutoscalerV1);

/** What v1 leaves out is what v2 has by default; a target for the CPU only when nothing else is measured. */
function defaultAutoscalerV1(object: KubeObject): void {
  const autoscaler = object as Partial<AutoscalerV1> & Pick<KubeObject, 'metadata'>;
  autoscaler.spec ??= {} as AutoscalerV1['spec'];
  autoscaler.spec.minReplicas ??= 1;
  if ((asV2(autoscaler).spec.metrics ?? []).length === 0) {
    autoscaler.spec.targetCPUUtilizationPercentage = DEFAULT_CPU_PERCENT;
  }
}

function columnOnV2(column: TableColumn): TableColumn {
  return { ...column, cell: (object, now) => column.cell(asV2(object), now) };
}

/** The same objects in the older shape, for clients that still speak it; stored as v2. */
export const autoscalersV1Resource: Resource = {
  ...builtin({
    ...shared,
    version: 'v1',
    schema: { ref: 'autoscaling/v1.HorizontalPodAutoscaler' },
    columns: autoscalerColumns.map(columnOnV2),
  }),
  storage: {
    group: shared.group,
    version: 'v2',
    name: shared.name,
    toStored: asV2,
    fromStored: (object) => toAutoscalerV1(object as AutoscalerV2),
  },
  defaults: defaultAutoscalerV1,
  prepareForCreate: dropStatus(() => ({ currentReplicas: 0, desiredReplicas: 0 })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateAutoscaler(asV2(object)),
  validateUpdate: (object, old) => validateAutoscalerUpdate(asV2(object), asV2(old)),
  validateStatusUpdate: (object) => validateAutoscalerStatus(asV2(object)),
};
