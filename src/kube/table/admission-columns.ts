import type { TableColumn } from '../resource.ts';
import { formatLabelSelector } from '../selectors/label-selector.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import { ageColumn, column, nameColumn } from './common-columns.ts';

/** k8s.io/kubernetes/pkg/printers/internalversion: the kinds of admissionregistration.k8s.io. */

export const webhookConfigurationColumns: readonly TableColumn[] = [
  nameColumn,
  column<admissionregistrationv1.ValidatingWebhookConfiguration>(
    'Webhooks',
    'Webhooks indicates the number of webhooks registered in this configuration',
    ({ webhooks }) => webhooks?.length ?? 0,
    { type: 'integer' },
  ),
  ageColumn,
];

type Policy =
  | admissionregistrationv1.ValidatingAdmissionPolicy
  | admissionregistrationv1.MutatingAdmissionPolicy;

const paramKindColumn = column<Policy>(
  'ParamKind',
  'ParamKind specifies the kind of resources used to parameterize this policy',
  ({ spec }) => {
    const kind = spec?.paramKind;
    return kind === undefined ? '<unset>' : `${kind.apiVersion}/${kind.kind}`;
  },
);

export const validatingPolicyColumns: readonly TableColumn[] = [
  nameColumn,
  column<admissionregistrationv1.ValidatingAdmissionPolicy>(
    'Validations',
    'Validations indicates the number of validation rules defined in this configuration',
    ({ spec }) => spec?.validations?.length ?? 0,
    { type: 'integer' },
  ),
  paramKindColumn,
  ageColumn,
];

export const mutatingPolicyColumns: readonly TableColumn[] = [
  nameColumn,
  column<admissionregistrationv1.MutatingAdmissionPolicy>(
    'Mutations',
    'Mutation indicates the number of mutations rules defined in this configuration',
    ({ spec }) => spec?.mutations?.length ?? 0,
    { type: 'integer' },
  ),
  paramKindColumn,
  ageColumn,
];

type Binding =
  | admissionregistrationv1.ValidatingAdmissionPolicyBinding
  | admissionregistrationv1.MutatingAdmissionPolicyBinding;

function parametersOf({ spec }: Binding): string {
  const { name, namespace, selector } = spec?.paramRef ?? {};
  if (name) return namespace ? `${namespace}/${name}` : name;
  return selector === undefined ? '<unset>' : formatLabelSelector(selector);
}

export const policyBindingColumns: readonly TableColumn[] = [
  nameColumn,
  column<Binding>(
    'PolicyName',
    'PolicyName indicates the policy definition which the policy binding binded to',
    ({ spec }) => spec?.policyName ?? '',
  ),
  column<Binding>(
    'ParamRef',
    'ParamRef indicates the param resource which sets the configration param',
    parametersOf,
  ),
  ageColumn,
];
