import { fieldErrorText } from '../validation/field-errors.ts';
import { approvalOf, isProtectedGroup } from './api-approval.ts';
import { type CrdNames, type CustomResourceDefinition, isConditionTrue, setCondition } from './types.ts';
import { validateStructural } from './validate-structural.ts';

/**
 * What upstream's naming, establishing, non-structural-schema and api-approval controllers write to the status of a
 * CRD, in one step. `others` are the other CRDs of its group. Changes `crd`.
 * Source: k8s.io/apiextensions-apiserver/pkg/controller.
 */
export function reconcileStatus(
  crd: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: Date,
): void {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const conflict = acceptNames(crd, others);
  setCondition(
    crd,
    conflict === undefined
      ? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
      : { type: 'NamesAccepted', status: 'False', ...conflict },
    time,
  );
  if (!isConditionTrue(crd, 'Established'))
    setCondition(
      crd,
      conflict === undefined
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          },
      time,
    );
  nonStructural(crd, time);
  if (!isProtectedGroup(crd.spec.group)) return;
  const { state, message } = approvalOf(crd);
  const reasons = {
    approved: 'ApprovedAnnotation',
    bypassed: 'UnapprovedAnnotation',
    missing: 'MissingAnnotation',
    invalid: 'InvalidAnnotation',
  };
  setCondition(
    crd,
    {
      type: 'KubernetesAPIApprovalPolicyConformant',
      status: state === 'approved' ? 'True' : 'False',
      reason: reasons[state],
      message,
    },
    time,
  );
}

/** Takes over every name that nobody else has; the last conflict, as upstream reports it. */
function acceptNames(
  crd: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): { reason: string; message: string } | undefined {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of others) {
    const names = status?.acceptedNames;
    for (const name of [names?.plural, names?.singular, ...(names?.shortNames ?? [])])
      if (name) resources.add(name);
    for (const name of [names?.kind, names?.listKind]) if (name) kinds.add(name);
  }
  const { names } = crd.spec;
  const before = crd.status?.acceptedNames;
  const accepted: CrdNames = { plural: '', kind: '', ...before };
  let conflict: { reason: string; message: string } | undefined;
  const inUse = (name: string) => `${JSON.stringify(name)} is already in use`;
  const take = (
    field: 'plural' | 'singular' | 'kind' | 'listKind',
    taken: ReadonlySet<string>,
    reason: string,
  ) => {
    const name = names[field];
    if (name !== undefined && taken.has(name)) conflict = { reason, message: inUse(name) };
    else if (name !== undefined) accepted[field] = name;
  };
  take('plural', resources, 'PluralConflict');
  take('singular', resources, 'SingularConflict');
  const taken = (names.shortNames ?? []).filter((name) => resources.has(name));
  if (taken.length > 0) conflict = { reason: 'ShortNamesConflict', message: taken.map(inUse).join(', ') };
  else if (names.shortNames === undefined) delete accepted.shortNames;
  else accepted.shortNames = names.shortNames;
  take('kind', kinds, 'KindConflict');
  take('listKind', kinds, 'ListKindConflict');
  if (names.categories === undefined) delete accepted.categories;
  else accepted.categories = names.categories;
  crd.status = { ...crd.status, acceptedNames: accepted };
  return conflict;
}

function nonStructural(crd: CustomResourceDefinition, time: string): void {
  const errors = crd.spec.versions.flatMap(({ schema }, index) =>
    schema?.openAPIV3Schema === undefined
      ? []
      : validateStructural(schema.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`),
  );
  const conditions = crd.status?.conditions ?? [];
  if (errors.length === 0)
    crd.status!.conditions = conditions.filter(({ type }) => type !== 'NonStructuralSchema');
  else
    setCondition(
      crd,
      {
        type: 'NonStructuralSchema',
        status: 'True',
        reason: 'Violations',
        message: errors.map(fieldErrorText).join(', '),
      },
      time,
    );
}
