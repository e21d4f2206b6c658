import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { disruptionBudgetColumns } from '../table/autoscaler-columns.ts';
import type { policyv1 } from '../types/index.generated.ts';
import {
  validateDisruptionBudget,
  validateDisruptionBudgetStatus,
} from '../validation/disruption-budgets.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

const noDisruptions = () => ({
  disruptionsAllowed: 0,
  currentHealthy: 0,
  desiredHealthy: 0,
  expectedPods: 0,
});

export const disruptionBudgetsResource: Resource = {
  ...builtin({
    group: 'policy',
    kind: 'PodDisruptionBudget',
    name: 'poddisruptionbudgets',
    shortNames: ['pdb'],
    schema: { ref: 'policy/v1.PodDisruptionBudget' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: disruptionBudgetColumns,
  }),
  defaults: (object: KubeObject) => {
    (object as Partial<policyv1.PodDisruptionBudget>).spec ??= {};
  },
  prepareForCreate: dropStatus(noDisruptions),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateDisruptionBudget(object as policyv1.PodDisruptionBudget),
  validateUpdate: (object) => validateDisruptionBudget(object as policyv1.PodDisruptionBudget),
  validateStatusUpdate: (object) => validateDisruptionBudgetStatus(object as policyv1.PodDisruptionBudget),
};
