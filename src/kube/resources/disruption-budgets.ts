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

/** Upstream writes the counts of a status even when they are zero, though its clients may leave them out. */
function defaultBudget(object: KubeObject): void {
  const budget = object as Partial<policyv1.PodDisruptionBudget>;
  budget.spec ??= {};
  if (budget.status !== undefined) budget.status = { ...noDisruptions(), ...budget.status };
}

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
  defaults: defaultBudget,
  prepareForCreate: dropStatus(noDisruptions),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateDisruptionBudget(object as policyv1.PodDisruptionBudget),
  validateUpdate: (object) => validateDisruptionBudget(object as policyv1.PodDisruptionBudget),
  validateStatusUpdate: (object) => validateDisruptionBudgetStatus(object as policyv1.PodDisruptionBudget),
};
