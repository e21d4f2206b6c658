import { append, type Log, messageOf } from '../../../base/index.ts';
import type { admissionregistrationv1, KubeObject, metav1 } from '../../../kube/index.ts';
import { forbidden } from '../../errors.ts';
import { type ObjectStorage, WriteRace } from '../../storage/object-storage.ts';
import { AdmissionDenied } from '../../webhooks/denial.ts';
import { isExempt } from '../../webhooks/rules.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation } from '../admission.ts';
import type { PolicyCheck } from '../admission-observer.ts';
import { Decisions } from './authorizer-value.ts';
import {
  type BoundPolicy,
  boundPolicies,
  hasNoPolicies,
  namespaceOf,
  type PolicyParts,
  paramsOf,
  refusesOnFailure,
} from './bound-policies.ts';
import { EvaluationContext } from './expressions.ts';
import { type Failure, PolicyValidator, type Verdict } from './policy-validator.ts';
import { typeCheck } from './type-checking.ts';

type Policy = admissionregistrationv1.ValidatingAdmissionPolicy;
type Binding = admissionregistrationv1.ValidatingAdmissionPolicyBinding;
type Bound = BoundPolicy<Policy, Binding>;

export interface ValidatingPolicyParts extends PolicyParts {
  storage: ObjectStorage;
  log: Log;
}

interface Denial {
  message: string;
  reason: string;
}

const GROUP = 'admissionregistration.k8s.io';
const FAILURE_ANNOTATION = 'validation.policy.admission.k8s.io/validation_failure';
const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
};

/**
 * Asks the CEL expressions of policies that are bound.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating/dispatcher.go.
 */
export class ValidatingAdmissionPolicyPlugin implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionPolicy';
  readonly #parts: ValidatingPolicyParts;
  readonly #validators = new WeakMap<object, PolicyValidator>();

  constructor(parts: ValidatingPolicyParts) {
    this.#parts = parts;
  }

  validate(request: AdmissionRequest): Promise<void> | undefined {
    if (hasNoPolicies(this.#parts, 'validating', request) || isExempt(request)) return undefined;
    return this.#validate(request);
  }

  async #validate(request: AdmissionRequest): Promise<void> {
    const bound = await boundPolicies<Policy, Binding>(this.#parts, 'validating', request);
    if (bound.length === 0) return;
    const denials: Denial[] = [];
    const annotations = new Map<string, Set<string>>();
    for (const one of bound) {
      try {
        for (const verdict of await this.#verdicts(one, request)) {
          append(denials, this.#act(one, verdict, request));
          for (const [key, value] of verdict.annotations) {
            const name = `${one.policy.metadata.name}/${key}`;
            annotations.set(name, (annotations.get(name) ?? new Set()).add(value));
          }
        }
      } catch (error) {
        if (refusesOnFailure(one.policy)) denials.push(denialOf(one, messageOf(error), 'Invalid'));
      }
    }
    for (const [key, values] of annotations) request.annotate?.(key, [...values].join(', '));
    const [first] = denials;
    if (first !== undefined) throw denied(request, first);
  }

  /** A policy that is written: its expressions are looked at. */
  async reserve(request: AdmissionRequest): Promise<Reservation | undefined> {
    const { resource, operation, subresource } = request;
    if (resource.group !== GROUP || resource.name !== 'validatingadmissionpolicies') return undefined;
    if (operation === 'DELETE' || subresource !== undefined) return undefined;
    const { log } = this.#parts;
    const commit = () => {
      this.#observe(request).catch((error: unknown) => {
        log.warn('a policy does not tell its observed generation', { error: messageOf(error) });
      });
    };
    return { commit, rollback: () => undefined };
  }

  async #verdicts(bound: Bound, request: AdmissionRequest): Promise<Verdict[]> {
    const params = await paramsOf(this.#parts, bound, request);
    if (params.length === 0) return [];
    const attributes = await this.#parts.converter.attributes(request, bound.version);
    const namespace = await namespaceOf(this.#parts, request, attributes);
    const validator = this.#validatorOf(bound.policy);
    const decisions = new Decisions(this.#parts.authorizer);
    const verdicts: Verdict[] = [];
    for (const one of params) {
      const more = { params: one, namespace, decisions, variables: validator.variables };
      verdicts.push(
        await decisions.during(() => validator.validate(new EvaluationContext(request, attributes, more))),
      );
    }
    return verdicts;
  }

  #validatorOf(policy: Readonly<Policy>): PolicyValidator {
    let validator = this.#validators.get(policy);
    if (validator === undefined) {
      validator = new PolicyValidator(policy);
      this.#validators.set(policy, validator);
    }
    return validator;
  }

  /** Does what the binding says about failures; the denials that come of them. */
  #act(bound: Bound, { failures, annotationErrors }: Verdict, request: AdmissionRequest): Denial[] {
    const { policy, binding } = bound;
    const [of, by] = [policy.metadata.name, binding.metadata.name];
    const denials: Denial[] = [];
    const observe = (action: PolicyCheck['action'], error: PolicyCheck['error']) =>
      this.#parts.observer?.policyChecked({
        kind: 'validating',
        policy: of,
        binding: by,
        action,
        error,
        seconds: 0,
      });
    for (const failure of failures)
      for (const action of binding.spec.validationActions ?? []) {
        if (action === 'Deny') denials.push(denialOf(bound, failure.message, failure.reason));
        else if (action === 'Audit') request.annotate?.(FAILURE_ANNOTATION, auditValue(bound, failure));
        else
          request.warn?.(
            `Validation failed for ValidatingAdmissionPolicy '${of}' with binding '${by}': ${failure.message}`,
          );
        observe(action.toLowerCase() as PolicyCheck['action'], failure.error);
      }
    for (const message of annotationErrors) {
      denials.push(denialOf(bound, message, 'Invalid'));
      observe('deny', 'invalid_error');
    }
    return denials;
  }

  /** `status`, after the write it tells of. Somebody faster has told of a newer one. */
  async #observe({ resource, workspace, name, object }: AdmissionRequest): Promise<void> {
    const { storage } = this.#parts;
    const key = storage.keyOf(resource, { workspace, name: name || object!.metadata.name });
    const stored = await storage.get(key);
    if (stored === undefined) return;
    const policy = storage.decode<Policy & KubeObject>(resource, stored.bytes);
    const { generation } = policy.metadata;
    if (generation === undefined || policy.status?.observedGeneration === generation) return;
    const expressionWarnings = await typeCheck(this.#parts, policy, workspace);
    policy.status = {
      ...policy.status,
      observedGeneration: generation,
      typeChecking: expressionWarnings.length > 0 ? { expressionWarnings } : {},
    };
    try {
      await storage.update(resource, key, policy, stored.revision);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
    }
  }
}

/** A list, though of one: more may come to stand in it. */
function auditValue({ policy, binding }: Bound, { message, index }: Failure): string {
  return JSON.stringify([
    {
      message,
      policy: policy.metadata.name,
      binding: binding.metadata.name,
      expressionIndex: index,
      validationActions: binding.spec.validationActions ?? [],
    },
  ]);
}

function denialOf({ policy, binding }: Bound, message: string, reason: string): Denial {
  const who = `ValidatingAdmissionPolicy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  return { message: `${who} denied request: ${message}`, reason };
}

function denied(request: AdmissionRequest, { message, reason }: Denial): AdmissionDenied {
  const name = request.name || request.object?.metadata.name || '';
  const refusal = forbidden(request.resource, name, message);
  return new AdmissionDenied({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {} as metav1.ListMeta,
    status: 'Failure',
    message: refusal.message,
    reason,
    details: { ...refusal.details, causes: [{ message }] },
    code: CODES[reason] ?? 422,
  });
}
