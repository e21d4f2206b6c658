import { messageOf, OrreryError } from '../../../base/index.ts';
import {
  type admissionregistrationv1,
  CelMessage,
  type CelValue,
  celToJson,
  decodeObject,
  jsonPatch,
  mergeConfiguration,
  misnamedMessages,
  patchFailure,
  type Resource,
  type Schema,
  schemaRef,
} from '../../../kube/index.ts';
import { internalError } from '../../errors.ts';
import type { Attributes } from '../../webhooks/attributes.ts';
import { type EvaluationContext, Expression } from './expressions.ts';

/** One mutation of a policy, compiled. */
export interface Mutation {
  /**
   * The object as the mutation makes it; undefined when it changes nothing. `object` is not changed.
   *
   * @throws OrreryError InternalError for what fails whatever the failure policy says; Error in upstream's words for the rest.
   */
  apply(context: EvaluationContext, attributes: Attributes, version: Resource): object | undefined;
}

export function compileMutation(mutation: admissionregistrationv1.Mutation): Mutation {
  return mutation.patchType === 'JSONPatch'
    ? new JsonPatchMutation(mutation.jsonPatch?.expression ?? '')
    : new ApplyConfigurationMutation(mutation.applyConfiguration?.expression ?? '');
}

/** Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch/smd.go. */
class ApplyConfigurationMutation implements Mutation {
  readonly #expression: Expression;

  constructor(source: string) {
    this.#expression = new Expression(source);
  }

  apply(context: EvaluationContext, attributes: Attributes, version: Resource): object {
    const value = this.#expression.valueIn(context);
    if (!(value instanceof CelMessage) || value.typeName !== 'Object')
      throw new Error('unsupported return type from ApplyConfiguration expression');
    checkNames(value);
    const object = attributes.object!;
    const { apiVersion, kind } = object as { apiVersion?: string; kind?: string };
    const configuration = { ...(celToJson(value) as object), apiVersion, kind };
    try {
      return mergeConfiguration(schemaOf(attributes, version), object, configuration);
    } catch (cause) {
      throw new Error(`error applying patch: ${messageOf(cause)}`, { cause });
    }
  }
}

/** Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch/json_patch.go. */
class JsonPatchMutation implements Mutation {
  readonly #expression: Expression;

  constructor(source: string) {
    this.#expression = new Expression(source);
  }

  apply(context: EvaluationContext, attributes: Attributes, version: Resource): object | undefined {
    const value = this.#expression.valueIn(context);
    if (!Array.isArray(value))
      throw new Error('type mismatch: JSONPatchType.expression should evaluate to array');
    const operations = (value as readonly CelValue[]).map(operationOf);
    let patched: object;
    try {
      patched = jsonPatch(attributes.object, operations) as object;
    } catch (cause) {
      const why = patchFailure(cause);
      // A test that does not hold: the patch is not for this object.
      if (why.startsWith('testing value')) return undefined;
      throw new Error(`JSONPath: ${why}`, { cause });
    }
    checkFields(attributes, version, patched);
    return patched;
  }
}

type Operation = Record<string, unknown>;

function operationOf(value: CelValue): Operation {
  if (!(value instanceof CelMessage) || value.typeName !== 'JSONPatch')
    throw new Error('type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch');
  const held = value.get('value');
  if (held instanceof CelMessage) checkNames(held);
  const from = value.get('from');
  return {
    op: value.get('op') ?? '',
    path: value.get('path') ?? '',
    ...(from && { from }),
    ...(held !== undefined && { value: celToJson(held) }),
  };
}

function checkNames(value: CelValue): void {
  const problems = misnamedMessages(value);
  if (problems.length > 0) throw new Error(`type mismatch: ${problems.join('\n')}`);
}

/** What a patch adds must be known; custom resources are pruned instead. @throws OrreryError InternalError */
function checkFields({ kind }: Attributes, version: Resource, patched: object): void {
  if (version.schema.custom !== undefined || kind.kind !== version.kind) return;
  try {
    decodeObject(version, structuredClone(patched), 'Strict');
  } catch (cause) {
    if (!(cause instanceof OrreryError)) throw cause;
    throw internalError(cause.message, cause);
  }
}

function schemaOf({ kind }: Attributes, version: Resource): Schema {
  if (kind.kind === version.kind && kind.group === version.group) return version.schema;
  const ref = schemaRef(kind);
  return ref === undefined ? version.schema : { ref };
}
