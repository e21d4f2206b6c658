import { type Log, messageOf } from '../../../base/index.ts';
import type { admissionregistrationv1, KubeObject, metav1 } from '../../../kube/index.ts';
import type { Authorizer } from '../../authorization/authorizer.ts';
import { forbidden } from '../../errors.ts';
import type { ResourceCatalog } from '../../registry/catalog.ts';
import { type ObjectStorage, WriteRace } from '../../storage/object-storage.ts';
import type { Attributes, VersionConverter } from '../../webhooks/attributes.ts';
import { AdmissionDenied } from '../../webhooks/denial.ts';
import { isExempt, type RequestMatcher } from '../../webhooks/rules.ts';
import type { AdmissionPlugin, AdmissionRequest, Reservation, StoredObjects } from '../admission.ts';
import { Decisions, PendingDecision } from './authorizer-value.ts';
import { EvaluationContext, Expression, meetsConditions } from './expressions.ts';
import { collectParams } from './policy-params.ts';

type Policy = admissionregistrationv1.ValidatingAdmissionPolicy;
type Binding = admissionregistrationv1.ValidatingAdmissionPolicyBinding;
type Match = admissionregistrationv1.MatchResources | undefined;

export interface PolicyParts {
  objects: StoredObjects;
  catalog: ResourceCatalog;
  storage: ObjectStorage;
  authorizer: Authorizer;
  matcher: RequestMatcher;
  converter: VersionConverter;
  log: Log;
}

/** The expressions of a policy, compiled once for each of its generations. */
interface CompiledPolicy {
  validations: readonly {
    expression: Expression;
    message: Expression | undefined;
    reason: string;
    text: string;
  }[];
  variables: ReadonlyMap<string, Expression>;
}

interface Failure {
  message: string;
  reason: string;
}

const GROUP = 'admissionregistration.k8s.io';
const MESSAGE_LIMIT_BYTES = 5 * 1024;
const CODES: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  Forbidden: 403,
  RequestEntityTooLarge: 413,
};

/**
 * Asks the CEL expressions of policies that are bound.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/validating.
 */
export class ValidatingAdmissionPolicyPlugin implements AdmissionPlugin {
  readonly name = 'ValidatingAdmissionPolicy';
  readonly #parts: PolicyParts;
  readonly #compiled = new WeakMap<object, CompiledPolicy>();

  constructor(parts: PolicyParts) {
    this.#parts = parts;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (isExempt(request)) return;
    const { objects } = this.#parts;
    const { workspace } = request;
    const policies = await objects.list<Policy>(
      { group: GROUP, resource: 'validatingadmissionpolicies' },
      { workspace },
    );
    if (policies.length === 0) return;
    const bindings = await objects.list<Binding>(
      { group: GROUP, resource: 'validatingadmissionpolicybindings' },
      { workspace },
    );
    for (const { object: policy } of policies)
      for (const { object: binding } of bindings)
        if (binding.spec.policyName === policy.metadata.name) await this.#apply(policy, binding, request);
  }

  /** A policy that is written: its expressions have been looked at. */
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

  async #apply(
    policy: Readonly<Policy>,
    binding: Readonly<Binding>,
    request: AdmissionRequest,
  ): Promise<void> {
    const version = await this.#parts.matcher.match(criteria(policy.spec.matchConstraints), request);
    if (version === undefined) return;
    const { matchResources } = binding.spec;
    if (matchResources !== undefined) {
      const isBound = await this.#parts.matcher.match(criteria(matchResources), request);
      if (isBound === undefined) return;
    }
    const fails = policy.spec.failurePolicy !== 'Ignore';
    const attributes = await this.#parts.converter.attributes(request, version);
    const failures: Failure[] = [];
    const decisions = new Decisions(this.#parts.authorizer);
    try {
      const params = await collectParams(this.#parts, {
        kind: policy.spec.paramKind,
        ref: binding.spec.paramRef,
        request,
      });
      const namespace = await this.#namespaceOf(request, attributes);
      for (const one of params)
        failures.push(
          ...(await decisions.during(() =>
            this.#failures(policy, request, attributes, { params: one, namespace, decisions }),
          )),
        );
    } catch (error) {
      if (fails) failures.push({ message: messageOf(error), reason: 'Invalid' });
    }
    this.#act(policy, binding, request, failures);
  }

  #failures(
    policy: Readonly<Policy>,
    request: AdmissionRequest,
    attributes: Attributes,
    more: {
      params: Readonly<KubeObject> | null;
      namespace: Readonly<KubeObject> | undefined;
      decisions: Decisions;
    },
  ): Failure[] {
    const compiled = this.#compile(policy);
    const context = new EvaluationContext(request, attributes, { ...more, variables: compiled.variables });
    const fails = policy.spec.failurePolicy !== 'Ignore';
    if (!meetsConditions(policy.spec.matchConditions, context)) return [];
    return compiled.validations.flatMap(({ expression, message, reason, text }): Failure[] => {
      try {
        if (expression.decide(context)) return [];
      } catch (error) {
        if (error instanceof PendingDecision) throw error;
        return fails ? [{ message: messageOf(error), reason: 'Invalid' }] : [];
      }
      return [
        { message: told(message, context) ?? (text || `failed expression: ${expression.source}`), reason },
      ];
    });
  }

  #compile(policy: Readonly<Policy>): CompiledPolicy {
    const known = this.#compiled.get(policy);
    if (known !== undefined) return known;
    const compiled: CompiledPolicy = {
      validations: (policy.spec.validations ?? []).map((one) => ({
        expression: new Expression(one.expression, 'bool'),
        message: one.messageExpression ? new Expression(one.messageExpression, 'string') : undefined,
        reason: one.reason ?? 'Invalid',
        text: one.message?.trim() ?? '',
      })),
      variables: new Map(
        (policy.spec.variables ?? []).map(({ name, expression }) => [name, new Expression(expression)]),
      ),
    };
    this.#compiled.set(policy, compiled);
    return compiled;
  }

  #act(
    policy: Readonly<Policy>,
    binding: Readonly<Binding>,
    request: AdmissionRequest,
    failures: readonly Failure[],
  ): void {
    const [of, by] = [policy.metadata.name, binding.metadata.name];
    const actions = binding.spec.validationActions ?? [];
    if (actions.includes('Warn'))
      for (const { message } of failures)
        request.warn?.(
          `Validation failed for ValidatingAdmissionPolicy '${of}' with binding '${by}': ${message}`,
        );
    const first = failures[0];
    if (first !== undefined && actions.includes('Deny'))
      throw denied(
        request,
        `ValidatingAdmissionPolicy '${of}' with binding '${by}' denied request: ${first.message}`,
        first.reason,
      );
  }

  async #namespaceOf({ workspace }: AdmissionRequest, { namespace }: Attributes) {
    if (namespace === undefined) return undefined;
    return this.#parts.objects.find({ group: '', resource: 'namespaces' }, { workspace, name: namespace });
  }

  /** `status.observedGeneration`, after the write it tells of. Somebody faster has told of a newer one. */
  async #observe({ resource, workspace, name, object }: AdmissionRequest): Promise<void> {
    const { storage } = this.#parts;
    const key = storage.keyOf(resource, { workspace, name: name || object!.metadata.name });
    const stored = await storage.get(key);
    if (stored === undefined) return;
    const policy = storage.decode<Policy>(resource, stored.bytes);
    const { generation } = policy.metadata;
    if (generation === undefined || policy.status?.observedGeneration === generation) return;
    policy.status = { ...policy.status, observedGeneration: generation, typeChecking: {} };
    try {
      await storage.update(resource, key, policy, stored.revision);
    } catch (error) {
      if (!(error instanceof WriteRace)) throw error;
    }
  }
}

/** Without rules a binding is for whatever its policy is for. */
function criteria(match: Match): Parameters<RequestMatcher['match']>[0] {
  const all = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }];
  const { resourceRules, excludeResourceRules, ...rest } = match ?? {};
  return {
    ...rest,
    rules: resourceRules?.length ? resourceRules : all,
    ...(excludeResourceRules !== undefined && { excluded: excludeResourceRules }),
  };
}

/** What messageExpression says, when it says something that can be shown. */
function told(message: Expression | undefined, context: EvaluationContext): string | undefined {
  if (message === undefined) return undefined;
  let value: unknown;
  try {
    value = message.evaluate(context);
  } catch (error) {
    if (error instanceof PendingDecision) throw error;
    // Upstream too falls back to the message that does not have to be evaluated.
    return undefined;
  }
  if (typeof value !== 'string' || value.includes('\n') || value.trim() === '') return undefined;
  return Buffer.byteLength(value) > MESSAGE_LIMIT_BYTES ? undefined : value.trim();
}

function denied(request: AdmissionRequest, message: string, reason: string): AdmissionDenied {
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
