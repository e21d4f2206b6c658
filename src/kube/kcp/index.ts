/** kcp's own kinds: their schemas as resources, their types, and the conversion of those with two versions. */
export * from './apis/index.ts';
export {
  type ConditionState,
  falseCondition,
  isKcpConditionTrue,
  trueCondition,
  withCondition,
  withSummary,
} from './conditions.ts';
export { kcpResources } from './kcp-resources.ts';
export * from './lifecycle/index.ts';
export type * as apisv1alpha1 from './types/apis-v1alpha1.ts';
export type * as apisv1alpha2 from './types/apis-v1alpha2.ts';
export type { Condition as KcpCondition } from './types/conditions.ts';
export type * as corev1alpha1 from './types/core-v1alpha1.ts';
export type * as tenancyv1alpha1 from './types/tenancy-v1alpha1.ts';
export type * as topologyv1alpha1 from './types/topology-v1alpha1.ts';
