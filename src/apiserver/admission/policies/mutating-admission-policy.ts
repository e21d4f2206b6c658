import { messageOf, OrreryError } from '../../../base/index.ts';
import type { admissionregistrationv1, KubeObject, metav1 } from '../../../kube/index.ts';
import { forbidden } from '../../errors.ts';
import { AdmissionDenied } from '../../webhooks/denial.ts';
import { isExempt } from '../../webhooks/rules.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
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
import { EvaluationContext, Expression, errorTypeOf, meetsConditions } from './expressions.ts';
import { compileMutation, type Mutation } from './mutation.ts';

type Policy = admissionregistrationv1.MutatingAdmissionPolicy;
type Binding = admissionregistrationv1.MutatingAdmissionPolicyBinding;
type Bound = BoundPolicy<Policy, Binding>;
type Param = Readonly<KubeObject> | null;

/** The expressions of a policy, compiled once for each of its generations. */
interface CompiledPolicy {
  mutations: readonly Mutation[];
  variables: ReadonlyMap<string, Expression>;
}

/** What is remembered of a request between the first round of plug-ins and the second. */
interface Round {
  /** Invocations of policies with reinvocationPolicy IfNeeded that were made already. */
  made: Set<string>;
  /** Of those, the ones whose object has changed since. */
  again: Set<string>;
  /** The object as the last policy left it. */
  last: string;
}

interface Problem {
  message: string;
  reason?: string;
}

/**
 * Changes objects by the CEL expressions of policies that are bound, before any webhook sees them.
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating/dispatcher.go.
 */
export class MutatingAdmissionPolicyPlugin implements AdmissionPlugin {
  readonly name = 'MutatingAdmissionPolicy';
  readonly #parts: PolicyParts;
  readonly #compiled = new WeakMap<object, CompiledPolicy>();
  readonly #rounds = new WeakMap<AdmissionRequest, Round>();

  constructor(parts: PolicyParts) {
    this.#parts = parts;
  }

  mutate(request: AdmissionRequest): Promise<void> | undefined {
    if (hasNoPolicies(this.#parts, 'mutating', request)) return undefined;
    return isExempt(request) || request.operation === 'DELETE' ? undefined : this.#mutate(request);
  }

  async #mutate(request: AdmissionRequest): Promise<void> {
    const bound = await boundPolicies<Policy, Binding>(this.#parts, 'mutating', request);
    if (bound.length === 0) return;
    const problems: Problem[] = [];
    const round = this.#roundOf(request);
    let isChanged = false;
    for (const one of bound) {
      const report = (error: unknown, reason?: string) => {
        // What is ours to answer for does not depend on anybody's failure policy.
        if (error instanceof OrreryError) throw error;
        if (refusesOnFailure(one.policy)) problems.push(problemOf(one, messageOf(error), reason));
      };
      try {
        for (const param of await paramsOf(this.#parts, one, request))
          isChanged = (await this.#invoke(one, param, { request, round, report })) || isChanged;
      } catch (error) {
        report(error);
      }
    }
    if (isChanged) {
      changedSince(round);
      if (request.reinvocation !== undefined) request.reinvocation.isWanted = true;
    }
    round.last = contentOf(request);
    if (problems.length > 0) throw denied(request, problems);
  }

  #roundOf(request: AdmissionRequest): Round {
    const now = contentOf(request);
    const known = this.#rounds.get(request);
    const round = known ?? { made: new Set(), again: new Set(), last: now };
    if (known === undefined) this.#rounds.set(request, round);
    // Other plug-ins or webhooks changed it: whoever wants to see changes does.
    if (round.last !== now) changedSince(round);
    return round;
  }

  /** True when a mutation was made. */
  async #invoke(
    { policy, binding, version }: Bound,
    param: Param,
    about: { request: AdmissionRequest; round: Round; report(error: unknown, reason?: string): void },
  ): Promise<boolean> {
    const { request, round, report } = about;
    const decisions = new Decisions(this.#parts.authorizer);
    const { mutations, variables } = this.#compile(policy);
    const contextOf = async () => {
      const attributes = await this.#parts.converter.attributes(request, version);
      const namespace = await namespaceOf(this.#parts, request, attributes);
      const more = { params: param, namespace, decisions, variables };
      return { attributes, newContext: () => new EvaluationContext(request, attributes, more) };
    };
    try {
      const { newContext } = await contextOf();
      const isMet = () => meetsConditions(policy.spec.matchConditions, newContext());
      if (!(await decisions.during(isMet))) return false;
    } catch (error) {
      report(error, 'Invalid');
      return false;
    }
    const key = [policy, binding, param].map((one) => keyOf(one)).join(' ');
    if (request.reinvocation?.isSecond === true && !round.again.has(key)) return false;
    round.again.delete(key);
    let isMade = false;
    for (const mutation of mutations) {
      const startMs = performance.now();
      const observe = (action: 'allow' | 'deny', error?: unknown) =>
        this.#parts.observer?.policyChecked({
          kind: 'mutating',
          policy: policy.metadata.name,
          binding: binding.metadata.name,
          action,
          error: errorTypeOf(error),
          seconds: (performance.now() - startMs) / 1000,
        });
      try {
        const { attributes, newContext } = await contextOf();
        if (attributes.object === null) continue;
        const next = await decisions.during(() => mutation.apply(newContext(), attributes, version));
        if (next !== undefined) await this.#parts.converter.replace(request, version, next);
        isMade = true;
        observe('allow');
      } catch (error) {
        observe('deny', error);
        report(error, 'Invalid');
      }
    }
    if (policy.spec.reinvocationPolicy === 'IfNeeded') round.made.add(key);
    return isMade;
  }

  #compile(policy: Readonly<Policy>): CompiledPolicy {
    let compiled = this.#compiled.get(policy);
    if (compiled === undefined) {
      const { mutations = [], variables = [] } = policy.spec;
      compiled = {
        mutations: mutations.map(compileMutation),
        variables: new Map(variables.map(({ name, expression }) => [name, new Expression(expression)])),
      };
      this.#compiled.set(policy, compiled);
    }
    return compiled;
  }
}

function changedSince(round: Round): void {
  for (const key of round.made) round.again.add(key);
  round.made.clear();
}

function contentOf(request: AdmissionRequest): string {
  return JSON.stringify(request.object ?? request.body ?? null);
}

function keyOf(object: Param): string {
  return object === null ? '-' : `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function problemOf({ policy, binding }: Bound, message: string, reason: string | undefined): Problem {
  const who = `policy '${policy.metadata.name}' with binding '${binding.metadata.name}'`;
  return { message: `${who} denied request: ${message}`, ...(reason !== undefined && { reason }) };
}

function denied(request: AdmissionRequest, problems: readonly Problem[]): AdmissionDenied {
  const name = request.name || request.object?.metadata.name || '';
  const { details } = forbidden(request.resource, name, '');
  const [first] = problems;
  return new AdmissionDenied({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {} as metav1.ListMeta,
    status: 'Failure',
    message: first!.message,
    reason: first!.reason ?? 'Forbidden',
    details: { ...details, causes: problems.map(({ message }) => ({ message })) },
    code: 403,
  });
}
