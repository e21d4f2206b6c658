import type { FieldError } from '../../base/index.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import {
  FAILURE_POLICIES,
  REINVOCATION_POLICIES,
  validateKnown,
  validateMatchConditions,
  validateMatchPolicy,
  validateRule,
} from './admission-rules.ts';
import { duplicate, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1035Label } from './formats.ts';
import { repeatedIndexes } from './item-lists.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateFullyQualifiedName } from './names.ts';
import { validateWebhookClient } from './webhook-clients.ts';

/** k8s.io/kubernetes/pkg/apis/admissionregistration/validation: the two webhook configurations. */

const REVIEW_VERSIONS = ['v1', 'v1beta1'];
const NO_SIDE_EFFECTS = ['None', 'NoneOnDryRun'];
const SIDE_EFFECTS = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const LONGEST_TIMEOUT_SECONDS = 30;

type Webhook = Partial<admissionregistrationv1.MutatingWebhook>;
type Configuration = { webhooks?: readonly Webhook[] };

/** `old`: what was bad before may stay so. */
export function validateWebhookConfiguration(now: Configuration, old?: Configuration): FieldError[] {
  const webhooks = now.webhooks ?? [];
  const names = webhooks.map(({ name = '' }) => name);
  const repeatedNames = repeatedIndexes(names);
  const before = old?.webhooks ?? [];
  const hadSideEffects = before.some(({ sideEffects = '' }) => !NO_SIDE_EFFECTS.includes(sideEffects));
  const hadUnknownVersions = before.some(
    ({ admissionReviewVersions: versions = [] }) =>
      versions.length > 0 && !versions.some((one) => REVIEW_VERSIONS.includes(one)),
  );
  const hadRepeatedNames = new Set(before.map(({ name }) => name)).size < before.length;
  return webhooks.flatMap((webhook, index) => {
    const at = `webhooks[${index}]`;
    const repeated = !hadRepeatedNames && names[index] !== '' && repeatedNames.has(index);
    return [
      ...validateWebhook(webhook, at, hadSideEffects ? SIDE_EFFECTS : NO_SIDE_EFFECTS),
      ...validateReviewVersions(webhook.admissionReviewVersions ?? [], at, !hadUnknownVersions),
      ...(repeated ? [duplicate(`${at}.name`, names[index])] : []),
    ];
  });
}

function validateWebhook(webhook: Webhook, field: string, sideEffectsKnown: readonly string[]): FieldError[] {
  const { sideEffects, timeoutSeconds } = webhook;
  const errors = [
    ...validateFullyQualifiedName(webhook.name ?? '', `${field}.name`),
    ...(webhook.rules ?? []).flatMap((rule, index) => validateRule(rule, `${field}.rules[${index}]`)),
    ...validateKnown(webhook.failurePolicy, FAILURE_POLICIES, `${field}.failurePolicy`),
    ...validateMatchPolicy(webhook.matchPolicy, `${field}.matchPolicy`),
  ];
  const at = `${field}.sideEffects`;
  if (sideEffects === undefined) {
    errors.push(required(at, `must specify one of ${sideEffectsKnown.join(', ')}`));
  } else if (!sideEffectsKnown.includes(sideEffects)) {
    errors.push(notSupported(at, sideEffects, sideEffectsKnown));
  }
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > LONGEST_TIMEOUT_SECONDS)) {
    const why = 'the timeout value must be between 1 and 30 seconds';
    errors.push(invalid(`${field}.timeoutSeconds`, timeoutSeconds, why));
  }
  return [
    ...errors,
    ...validateLabelSelector(webhook.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(webhook.objectSelector, `${field}.objectSelector`),
    ...validateKnown(webhook.reinvocationPolicy, REINVOCATION_POLICIES, `${field}.reinvocationPolicy`),
    ...validateWebhookClient(webhook.clientConfig, `${field}.clientConfig`),
    ...validateMatchConditions(webhook.matchConditions, `${field}.matchConditions`),
  ];
}

function validateReviewVersions(
  versions: readonly string[],
  webhookField: string,
  oneMustBeKnown: boolean,
): FieldError[] {
  const field = `${webhookField}.admissionReviewVersions`;
  const known = REVIEW_VERSIONS.join(', ');
  const repeated = repeatedIndexes(versions);
  if (versions.length === 0) return [required(field, `must specify one of ${known}`)];
  const errors = versions.flatMap((version, index) => {
    const at = `${field}[${index}]`;
    if (repeated.has(index)) return [invalid(at, version, 'duplicate version')];
    return invalidEach(at, version, dns1035Label(version));
  });
  if (oneMustBeKnown && !versions.some((version) => REVIEW_VERSIONS.includes(version))) {
    errors.push(invalid(field, versions, `must include at least one of ${known}`));
  }
  return errors;
}
