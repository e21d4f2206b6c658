import { append, type FieldError } from '../../base/index.ts';
import { type DeclType, DYN } from '../cel/index.ts';
import type { admissionregistrationv1 } from '../types/index.generated.ts';
import {
  FAILURE_POLICIES,
  REINVOCATION_POLICIES,
  validateKnown,
  validateMatchConditions,
  validateMatchResources,
} from './admission-rules.ts';
import { validateConditions } from './conditions.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1035Label, dns1123Subdomain, qualifiedName } from './formats.ts';
import { addAll, repeatedIndexes } from './item-lists.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { pathSegmentName } from './names.ts';
import {
  APPLY_CONFIGURATION,
  BOOL,
  JSON_PATCH,
  STRING,
  STRING_OR_NULL,
  validateExpression,
  validateVariableExpression,
} from './policy-expressions.ts';

/** k8s.io/kubernetes/pkg/apis/admissionregistration/validation: the policies and their bindings. */

const MUTATING_OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge'];
const PATCH_TYPES = ['ApplyConfiguration', 'JSONPatch'];
const ACTIONS = ['Audit', 'Deny', 'Warn'];
const NOT_FOUND_ACTIONS = ['Deny', 'Allow'];
const MOST_AUDIT_ANNOTATIONS = 20;
const VALUE_EXPRESSION_LIMIT = 5 * 1024;
const CEL_RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

type CommonSpec = Partial<
  Pick<
    admissionregistrationv1.ValidatingAdmissionPolicySpec,
    'paramKind' | 'matchConstraints' | 'failurePolicy' | 'matchConditions' | 'variables'
  >
>;

/** What the expressions of a policy may name; its variables join as they are looked at. */
interface PolicyEnvironment {
  params: DeclType | undefined;
  authorizer: boolean;
  variables: Map<string, DeclType> | undefined;
  patchTypes: boolean;
}

function environmentOf(spec: CommonSpec, patchTypes = false): PolicyEnvironment {
  return {
    params: spec.paramKind === undefined ? undefined : DYN,
    authorizer: true,
    // Validating policies compose variables only where there are some.
    variables: patchTypes || spec.variables?.length ? new Map() : undefined,
    patchTypes,
  };
}

function validateCommonSpec(spec: CommonSpec, environment: PolicyEnvironment): FieldError[] {
  const { failurePolicy, paramKind, matchConstraints, variables = [] } = spec;
  const errors: FieldError[] = [];
  if (failurePolicy === undefined) errors.push(required('spec.failurePolicy'));
  append(errors, validateKnown(failurePolicy, FAILURE_POLICIES, 'spec.failurePolicy'));
  if (paramKind !== undefined) append(errors, validateParamKind(paramKind, 'spec.paramKind'));
  if (matchConstraints === undefined) errors.push(required('spec.matchConstraints'));
  else {
    addAll(errors, validateMatchResources(matchConstraints, 'spec.matchConstraints'));
    if ((matchConstraints.resourceRules ?? []).length === 0) {
      errors.push(required('spec.matchConstraints.resourceRules'));
    }
  }
  const { params } = environment;
  addAll(errors, validateMatchConditions(spec.matchConditions, 'spec.matchConditions', { params }));
  for (const [index, { name = '', expression }] of variables.entries()) {
    const at = `spec.variables[${index}]`;
    if (name.trim() === '') errors.push(required(`${at}.name`, 'name is not specified'));
    else if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(name) || CEL_RESERVED.has(name)) {
      errors.push(invalid(`${at}.name`, name, 'must be a valid CEL identifier'));
    }
    if (!expression?.trim()) errors.push(required(`${at}.expression`, 'expression is not specified'));
    else {
      const { patchTypes } = environment;
      const field = `${at}.expression`;
      const found = validateVariableExpression(expression, { field, environment, patchTypes });
      addAll(errors, found.errors);
      environment.variables?.set(name, found.type);
    }
  }
  return errors;
}

export function validateValidatingPolicy(
  policy: admissionregistrationv1.ValidatingAdmissionPolicy,
): FieldError[] {
  const { validations = [], auditAnnotations = [] } = policy.spec ?? {};
  const environment = environmentOf(policy.spec ?? {});
  const errors = validateCommonSpec(policy.spec ?? {}, environment);
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    return [...errors, required('spec.validations', why), required('spec.auditAnnotations', why)];
  }
  if (auditAnnotations.length > MOST_AUDIT_ANNOTATIONS) {
    const why = `must not have more than ${MOST_AUDIT_ANNOTATIONS} auditAnnotations`;
    errors.push(invalid('spec.auditAnnotations', auditAnnotations, why));
  }
  const keys = auditAnnotations.map(({ key = '' }) => key);
  const repeatedKeys = repeatedIndexes(keys);
  return [
    ...errors,
    ...validations.flatMap((one, index) =>
      validateValidation(one, `spec.validations[${index}]`, environment),
    ),
    ...auditAnnotations.flatMap((one, index) => {
      const at = `spec.auditAnnotations[${index}]`;
      const repeated = repeatedKeys.has(index);
      return [
        ...validateAuditAnnotation(policy.metadata.name, one, at, environment),
        ...(repeated ? [duplicate(`${at}.key`, keys[index])] : []),
      ];
    }),
  ];
}

function validateValidation(
  validation: admissionregistrationv1.Validation,
  field: string,
  environment: PolicyEnvironment,
): FieldError[] {
  const { expression, message, messageExpression, reason } = validation;
  const errors: FieldError[] = [];
  if (!expression?.trim()) errors.push(required(`${field}.expression`, 'expression is not specified'));
  else {
    const place = { field: `${field}.expression`, environment, results: BOOL };
    append(errors, validateExpression(expression, place));
  }
  if (messageExpression && messageExpression.trim() === '') {
    const why = 'must be non-empty if specified';
    errors.push(invalid(`${field}.messageExpression`, messageExpression, why));
  } else if (messageExpression) {
    const without = { ...environment, authorizer: false };
    const place = { field: `${field}.messageExpression`, environment: without, results: STRING };
    append(errors, validateExpression(messageExpression, place));
  }
  if (message && message.trim() === '') {
    errors.push(invalid(`${field}.message`, message, 'must be non-empty if specified'));
  } else if (/[\n\r]/.test(message?.trim() ?? '')) {
    errors.push(invalid(`${field}.message`, message, 'must not contain line breaks'));
  }
  return [...errors, ...validateKnown(reason, REASONS, `${field}.reason`)];
}

function validateAuditAnnotation(
  policyName: string,
  { key = '', valueExpression = '' }: admissionregistrationv1.AuditAnnotation,
  field: string,
  environment: PolicyEnvironment,
): FieldError[] {
  const name = `${policyName}/${key}`;
  const errors = policyName
    ? invalidEach(`${field}.key`, name, qualifiedName(name))
    : [invalid(`${field}.key`, key, 'requires metadata.name be non-empty')];
  const at = `${field}.valueExpression`;
  const length = valueExpression.trim().length;
  if (length === 0) errors.push(required(at, 'valueExpression is not specified'));
  else if (length > VALUE_EXPRESSION_LIMIT) {
    errors.push(required(at, `must not exceed ${VALUE_EXPRESSION_LIMIT} bytes in length`));
  } else {
    const place = { field: at, environment, results: STRING_OR_NULL };
    append(errors, validateExpression(valueExpression.trim(), place));
  }
  return errors;
}

/** `status.typeChecking` and conditions. */
export function validateValidatingPolicyStatus({
  status,
}: admissionregistrationv1.ValidatingAdmissionPolicy): FieldError[] {
  const warnings = status?.typeChecking?.expressionWarnings ?? [];
  return [
    ...warnings.flatMap(({ fieldRef, warning }, index) => {
      const at = `status.typeChecking.expressionWarnings[${index}]`;
      return [
        ...(warning ? [] : [required(`${at}.warning`)]),
        ...(fieldRef?.trim() ? [] : [required(`${at}.fieldRef`)]),
      ];
    }),
    ...validateConditions(status?.conditions, 'status.conditions'),
  ];
}

export function validateMutatingPolicy({
  spec,
}: admissionregistrationv1.MutatingAdmissionPolicy): FieldError[] {
  const { matchConstraints, mutations = [], reinvocationPolicy } = spec ?? {};
  const environment = environmentOf(spec ?? {}, true);
  const errors = validateCommonSpec(spec ?? {}, environment);
  for (const { operations = [] } of matchConstraints?.resourceRules ?? []) {
    const at = 'spec.matchConstraints.resourceRules.operations';
    addAll(
      errors,
      operations.flatMap((one) => validateKnown(one, MUTATING_OPERATIONS, at)),
    );
  }
  if (mutations.length === 0) {
    errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  }
  addAll(
    errors,
    mutations.flatMap((one, index) => validateMutation(one, `spec.mutations[${index}]`, environment)),
  );
  const at = 'spec.reinvocationPolicy';
  if (!reinvocationPolicy) return [...errors, required(at)];
  return [...errors, ...validateKnown(reinvocationPolicy, REINVOCATION_POLICIES, at)];
}

function validateMutation(
  mutation: Partial<admissionregistrationv1.Mutation>,
  field: string,
  environment: PolicyEnvironment,
): FieldError[] {
  const { patchType = '' } = mutation;
  if (patchType === '') return [required(`${field}.patchType`)];
  if (!PATCH_TYPES.includes(patchType)) return [notSupported(`${field}.patchType`, patchType, PATCH_TYPES)];
  const [own, other] =
    patchType === 'JSONPatch'
      ? (['jsonPatch', 'applyConfiguration'] as const)
      : (['applyConfiguration', 'jsonPatch'] as const);
  const errors: FieldError[] = [];
  if (mutation[own] === undefined) {
    errors.push(required(`${field}.${own}`, `must be specified when patchType is ${patchType}`));
  } else if (!mutation[own].expression?.trim()) errors.push(required(`${field}.${own}.expression`));
  else {
    const results = patchType === 'JSONPatch' ? JSON_PATCH : APPLY_CONFIGURATION;
    const place = { field: `${field}.${own}.expression`, environment, results, patchTypes: true };
    append(errors, validateExpression(mutation[own].expression, place));
  }
  if (mutation[other] !== undefined) {
    const why = `must not be specified when patchType is ${patchType}`;
    errors.push(invalid(`${field}.${other}`, `{${other}}`, why));
  }
  return errors;
}

type BindingSpec = Partial<admissionregistrationv1.MutatingAdmissionPolicyBindingSpec>;

export function validateMutatingBinding(spec: BindingSpec | undefined): FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec ?? {};
  const at = 'spec.policyName';
  return [
    ...(policyName === '' ? [required(at)] : invalidEach(at, policyName, dns1123Subdomain(policyName))),
    ...(paramRef === undefined ? [] : validateParamRef(paramRef, 'spec.paramRef')),
    ...(matchResources === undefined ? [] : validateMatchResources(matchResources, 'spec.matchResources')),
  ];
}

export function validateValidatingBinding(
  spec: Partial<admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec> | undefined,
): FieldError[] {
  const actions = spec?.validationActions ?? [];
  const repeated = repeatedIndexes(actions);
  const at = 'spec.validationActions';
  const errors = [
    ...validateMutatingBinding(spec),
    ...actions.flatMap((action, index) => [
      ...validateKnown(action, ACTIONS, `${at}[${index}]`),
      ...(repeated.has(index) ? [duplicate(`${at}[${index}]`, action)] : []),
    ]),
  ];
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    errors.push(invalid(at, actions, why));
  }
  if (actions.length === 0) errors.push(required(at, 'at least one validation action is required'));
  return errors;
}

function validateParamRef(reference: Partial<admissionregistrationv1.ParamRef>, field: string): FieldError[] {
  const { name, selector, parameterNotFoundAction: action } = reference;
  const why = 'name and selector are mutually exclusive';
  const errors: FieldError[] = [];
  if (name) append(errors, invalidEach(`${field}.name`, name, pathSegmentName(name)));
  if (name && selector !== undefined) errors.push(forbidden(`${field}.name`, why));
  addAll(errors, validateLabelSelector(selector, `${field}.selector`));
  if (name && selector !== undefined) errors.push(forbidden(`${field}.selector`, why));
  if (!name && selector === undefined) {
    errors.push(required(field, 'one of name or selector must be specified'));
  }
  const at = `${field}.parameterNotFoundAction`;
  if (!action) return [...errors, required(at)];
  return [...errors, ...validateKnown(action, NOT_FOUND_ACTIONS, at)];
}

function validateParamKind(kind: Partial<admissionregistrationv1.ParamKind>, field: string): FieldError[] {
  const { apiVersion = '', kind: name = '' } = kind;
  const errors = validateGroupVersion(apiVersion, `${field}.apiVersion`);
  if (name === '') return [...errors, required(`${field}.kind`)];
  const wrong = dns1035Label(name.toLowerCase());
  if (wrong.length > 0) {
    const why = `may have mixed case, but should otherwise match: ${wrong.join(',')}`;
    errors.push(invalid(`${field}.kind`, name, why));
  }
  return errors;
}

function validateGroupVersion(apiVersion: string, field: string): FieldError[] {
  if (apiVersion === '') return [required(field)];
  const parts = apiVersion.split('/');
  if (parts.length > 2) {
    return [invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  }
  const group = parts.length === 2 ? parts[0]! : '';
  const version = parts.at(-1)!;
  const wrongGroup = group === '' ? [] : dns1123Subdomain(group);
  const errors = wrongGroup.length > 0 ? [invalid(field, group, wrongGroup.join(','))] : [];
  if (version === '') return [...errors, invalid(field, apiVersion, 'version must be specified')];
  const wrong = dns1035Label(version);
  return wrong.length === 0 ? errors : [...errors, invalid(field, version, wrong.join(','))];
}
