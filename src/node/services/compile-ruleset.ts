import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { wholeScript } from './nft-script.ts';
import { type PlanOptions, planTable } from './plan-table.ts';
import { type ServiceProblem, servicePorts } from './service-port.ts';
import type { TablePlan } from './table-plan.ts';

export interface CompileOptions extends PlanOptions {
  nodeName: string;
}

/** What the table is to hold for these Services and their endpoints, and what of them could not be had. Pure. */
export function planRuleset(
  services: readonly corev1.Service[],
  slices: readonly discoveryv1.EndpointSlice[],
  options: CompileOptions,
): { plan: TablePlan; problems: ServiceProblem[] } {
  const { ports, problems } = servicePorts(inOrderOfAge(services), slices, {
    family: 'IPv4',
    nodeName: options.nodeName,
  });
  const planned = planTable(ports, options);
  return { plan: planned.plan, problems: [...problems, ...planned.problems] };
}

/** The whole table as one nft transaction. */
export function compileRuleset(
  services: readonly corev1.Service[],
  slices: readonly discoveryv1.EndpointSlice[],
  options: CompileOptions,
): string {
  return wholeScript(planRuleset(services, slices, options).plan);
}

/** Who has a port first keeps it. */
function inOrderOfAge(services: readonly corev1.Service[]): corev1.Service[] {
  const key = ({ metadata }: corev1.Service) =>
    `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`;
  return [...services].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}
