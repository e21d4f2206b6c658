import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import {
  mutatingPolicyColumns,
  policyBindingColumns,
  validatingPolicyColumns,
  webhookConfigurationColumns,
} from '../table/admission-columns.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import {
  validateMutatingBinding,
  validateMutatingPolicy,
  validateValidatingBinding,
  validateValidatingPolicy,
  validateValidatingPolicyStatus,
} from '../validation/admission-policies.ts';
import { validateWebhookConfiguration } from '../validation/webhook-configurations.ts';
import { betaVersion } from './beta/beta-version.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

type Webhook = Partial<admissionregistrationv1.MutatingWebhook>;
type Policy =
  | admissionregistrationv1.ValidatingAdmissionPolicy
  | admissionregistrationv1.MutatingAdmissionPolicy;

function registration(kind: string, name: string, rest: Partial<Resource>): Resource {
  return {
    ...builtin({
      group: 'admissionregistration.k8s.io',
      kind,
      name,
      categories: ['api-extensions'],
      namespaced: false,
      schema: { ref: `admissionregistration/v1.${kind}` },
      hasGeneration: true,
    }),
    ...rest,
  };
}

/** admissionregistration/v1 SetDefaults_{ValidatingWebhook,Rule,ServiceReference}. */
function defaultWebhook(webhook: Webhook): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  if (webhook.clientConfig?.service !== undefined) webhook.clientConfig.service.port ??= 443;
}

function webhooksOf(object: KubeObject): Webhook[] {
  return (object as { webhooks?: Webhook[] }).webhooks ?? [];
}

const ofConfiguration: Pick<Resource, 'generationOf' | 'validateCreate' | 'validateUpdate'> = {
  generationOf: webhooksOf,
  validateCreate: (object) => validateWebhookConfiguration({ webhooks: webhooksOf(object) }),
  validateUpdate: (object, old) =>
    validateWebhookConfiguration({ webhooks: webhooksOf(object) }, { webhooks: webhooksOf(old) }),
};

const validatingWebhookConfigurationsResource = registration(
  'ValidatingWebhookConfiguration',
  'validatingwebhookconfigurations',
  {
    columns: webhookConfigurationColumns,
    defaults: (object) => webhooksOf(object).forEach(defaultWebhook),
    ...ofConfiguration,
  },
);

const mutatingWebhookConfigurationsResource = registration(
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  {
    columns: webhookConfigurationColumns,
    defaults: (object) => {
      for (const webhook of webhooksOf(object)) {
        defaultWebhook(webhook);
        webhook.reinvocationPolicy ??= 'Never';
      }
    },
    ...ofConfiguration,
  },
);

/** admissionregistration/v1 SetDefaults_MatchResources. */
function defaultMatch(match: admissionregistrationv1.MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    rule.scope ??= '*';
}

function defaultPolicy(object: KubeObject): void {
  const { spec } = object as Policy;
  if (spec === undefined) return;
  spec.failurePolicy ??= 'Fail';
  defaultMatch(spec.matchConstraints);
}

const validatingAdmissionPoliciesResource = registration(
  'ValidatingAdmissionPolicy',
  'validatingadmissionpolicies',
  {
    subresources: [statusSubresource],
    columns: validatingPolicyColumns,
    defaults: defaultPolicy,
    prepareForCreate: dropStatus(() => ({})),
    prepareForUpdate: keepStatus,
    validateCreate: (object) =>
      validateValidatingPolicy(object as admissionregistrationv1.ValidatingAdmissionPolicy),
    validateUpdate: (object) =>
      validateValidatingPolicy(object as admissionregistrationv1.ValidatingAdmissionPolicy),
    validateStatusUpdate: (object) =>
      validateValidatingPolicyStatus(object as admissionregistrationv1.ValidatingAdmissionPolicy),
  },
);

const mutatingAdmissionPoliciesResource = registration(
  'MutatingAdmissionPolicy',
  'mutatingadmissionpolicies',
  {
    columns: mutatingPolicyColumns,
    defaults: (object) => {
      defaultPolicy(object);
      const { spec } = object as admissionregistrationv1.MutatingAdmissionPolicy;
      if (spec !== undefined) spec.reinvocationPolicy ||= 'Never';
    },
    validateCreate: (object) =>
      validateMutatingPolicy(object as admissionregistrationv1.MutatingAdmissionPolicy),
    validateUpdate: (object) =>
      validateMutatingPolicy(object as admissionregistrationv1.MutatingAdmissionPolicy),
  },
);

type Binding = admissionregistrationv1.ValidatingAdmissionPolicyBinding;

function binding(kind: string, name: string, validate: NonNullable<Resource['validateCreate']>): Resource {
  return registration(kind, name, {
    columns: policyBindingColumns,
    defaults: (object) => defaultMatch((object as Binding).spec?.matchResources),
    validateCreate: validate,
    validateUpdate: (object) => validate(object),
  });
}

const validatingAdmissionPolicyBindingsResource = binding(
  'ValidatingAdmissionPolicyBinding',
  'validatingadmissionpolicybindings',
  (object) => validateValidatingBinding((object as Binding).spec),
);

const mutatingAdmissionPolicyBindingsResource = binding(
  'MutatingAdmissionPolicyBinding',
  'mutatingadmissionpolicybindings',
  (object) =>
    validateMutatingBinding((object as admissionregistrationv1.MutatingAdmissionPolicyBinding).spec),
);

export const admissionRegistrationResources: readonly Resource[] = [
  validatingWebhookConfigurationsResource,
  mutatingWebhookConfigurationsResource,
  validatingAdmissionPoliciesResource,
  validatingAdmissionPolicyBindingsResource,
  mutatingAdmissionPoliciesResource,
  mutatingAdmissionPolicyBindingsResource,
  betaVersion(mutatingAdmissionPoliciesResource, 'v1beta1'),
  betaVersion(mutatingAdmissionPolicyBindingsResource, 'v1beta1'),
];
