import { append, type FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import { setKey } from '../patch/json-value.ts';
import type { Resource, ScaleMapping, Subresource, Verb } from '../resource.ts';
import { scaleSubresource, statusSubresource } from '../resources/builtin.ts';
import { invalid } from '../validation/field-errors.ts';
import { customColumns } from './custom-columns.ts';
import { StructuralSchema } from './custom-schema.ts';
import { compileJsonPath } from './json-path.ts';
import { isJsonObject, type JsonObject, type JsonSchemaProps } from './json-schema.ts';
import { checkRules, hasRules } from './rules.ts';
import { type CrdVersion, type CustomResourceDefinition, isConditionTrue } from './types.ts';
import { validateEmbedded } from './validate-embedded.ts';
import { validateListTypes, validateValue } from './validate-value.ts';

const VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];
const TERMINATING_VERBS: readonly Verb[] = ['delete', 'deletecollection', 'get', 'list', 'watch'];
const NONE: readonly never[] = [];
const STATUS: readonly Subresource[] = [statusSubresource];
const SCALE: readonly Subresource[] = [scaleSubresource];
const BOTH: readonly Subresource[] = [statusSubresource, scaleSubresource];

/** What discovery says of one served version, without its schema, which is not to be kept for every definition. */
export function summarizeCustomResource(crd: CustomResourceDefinition, version: CrdVersion): Resource {
  const names = crd.status?.acceptedNames ?? crd.spec.names;
  const { status, scale } = version.subresources ?? {};
  return {
    group: crd.spec.group,
    version: version.name,
    kind: names.kind,
    listKind: names.listKind || `${names.kind}List`,
    name: names.plural,
    singularName: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? NONE,
    categories: names.categories ?? NONE,
    namespaced: crd.spec.scope === 'Namespaced',
    verbs: isConditionTrue(crd, 'Terminating') ? TERMINATING_VERBS : VERBS,
    schema: { ref: `custom:${definitionNameOf(crd.spec.group, version.name, names.kind)}` },
    subresources:
      scale === undefined ? (status === undefined ? NONE : STATUS) : status === undefined ? SCALE : BOTH,
    hasGeneration: true,
  };
}

/** What discovery says of a resource that is being taken away: nothing new can be made of it. */
export function goingResource(resource: Resource): Resource {
  return { ...resource, verbs: TERMINATING_VERBS };
}

/** `com.example.stable.v1.CronTab`: the name of the published definition. */
export function definitionNameOf(group: string, version: string, kind: string): string {
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

/**
 * A served version of a CRD as the same description that built-ins have. Pruning, defaults, validation with
 * ratcheting, CEL rules, status and scale follow from the version's schema.
 * Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/strategy.go.
 */
export function customResource(crd: CustomResourceDefinition, version: CrdVersion): Resource {
  const summary = summarizeCustomResource(crd, version);
  const schema: JsonSchemaProps = version.schema?.openAPIV3Schema ?? {
    type: 'object',
    'x-kubernetes-preserve-unknown-fields': true,
  };
  const definition = definitionNameOf(summary.group, summary.version, summary.kind);
  const hasStatus = version.subresources?.status !== undefined;
  const { columns, selectableFields, scale } = derived(version);
  return {
    ...summary,
    // What discovery no longer offers of a definition that goes, its objects' finalizers still need.
    verbs: VERBS,
    schema: {
      ref: `custom:${definition}`,
      custom: new StructuralSchema(definition, schema, Object.keys(selectableFields ?? {})),
    },
    generationOf: (object) => withoutFields(object, hasStatus ? ['metadata', 'status'] : ['metadata']),
    ...(hasStatus && { prepareForCreate: dropStatus, prepareForUpdate: keepStatus }),
    validateCreate: (object) => validateObject(schema, object),
    validateUpdate: (object, old) => validateObject(schema, object, old),
    validateStatusUpdate: (object, old) => validateObject(schema, object, old),
    warningsOf: finalizerWarnings,
    selectableFields,
    columns,
    ...(scale !== undefined && { scale }),
  };
}

function derived(version: CrdVersion) {
  return {
    columns: customColumns(version),
    selectableFields: selectableFieldsOf(version),
    scale: scaleMapping(version),
  };
}

/** What is wrong with the types of a value, or its size, keeps the rules from being asked; strategy.go hasBlockingErr. */
const BLOCKING = new Set([
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

function validateObject(schema: JsonSchemaProps, object: KubeObject, old?: KubeObject): FieldError[] {
  const errors = [...validateValue(schema, object, old), ...validateEmbedded(schema, object)];
  // What was there twice before may stay.
  if (old === undefined || validateListTypes(schema, old).length === 0)
    append(errors, validateListTypes(schema, object));
  const isBlocked = hasRules(schema) && errors.some(({ type }) => BLOCKING.has(type));
  if (!isBlocked)
    return [
      ...errors,
      ...checkRules(schema, object as unknown as JsonObject, old as unknown as JsonObject | undefined),
    ];
  return [
    ...errors,
    invalid(
      '<nil>',
      null,
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ),
  ];
}

/** Finalizers that are Kubernetes' own. */
const STANDARD_FINALIZERS = new Set(['orphan', 'foregroundDeletion']);

/** Of names that others might choose too; strategy.go generateWarningsFromObj. */
function finalizerWarnings({ metadata }: KubeObject, old?: KubeObject): string[] {
  const before = new Set(old?.metadata.finalizers);
  const added = (metadata.finalizers ?? []).filter((one) => !before.has(one));
  return added
    .filter((one) => !one.includes('/') && !STANDARD_FINALIZERS.has(one))
    .map(
      (one) =>
        `metadata.finalizers: ${JSON.stringify(one)}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other finalizer writers`,
    );
}

function withoutFields(object: KubeObject, names: readonly string[]): unknown {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}

function dropStatus(object: KubeObject): void {
  delete (object as { status?: unknown }).status;
}

function keepStatus(object: KubeObject, old: KubeObject): void {
  const { status } = old as { status?: unknown };
  if (status === undefined) dropStatus(object);
  else (object as { status?: unknown }).status = structuredClone(status);
}

function selectableFieldsOf({ selectableFields }: CrdVersion): Resource['selectableFields'] {
  if (selectableFields === undefined) return {};
  return Object.fromEntries(
    selectableFields.map(({ jsonPath }) => {
      const path = compileJsonPath(jsonPath);
      return [
        jsonPath.replace(/^\./, ''),
        (object: KubeObject) => {
          const value = path?.(object)[0];
          return value === undefined || value === null ? '' : String(value);
        },
      ];
    }),
  );
}

function scaleMapping({ subresources }: CrdVersion): ScaleMapping | undefined {
  const scale = subresources?.scale;
  if (scale === undefined) return undefined;
  const numberAt = (object: KubeObject, path: string) => {
    const value = compileJsonPath(path)?.(object)[0];
    return typeof value === 'number' ? value : undefined;
  };
  const replicasPath = scale.specReplicasPath.split('.').slice(1);
  return {
    replicasPath,
    read: (object) => {
      const selector = scale.labelSelectorPath && compileJsonPath(scale.labelSelectorPath)?.(object)[0];
      return {
        replicas: numberAt(object, scale.specReplicasPath),
        statusReplicas: numberAt(object, scale.statusReplicasPath) ?? 0,
        ...(typeof selector === 'string' && { selector }),
      };
    },
    write: (object, replicas) => {
      let at = object as unknown as JsonObject;
      for (const name of replicasPath.slice(0, -1)) {
        if (!isJsonObject(Object.hasOwn(at, name) ? at[name] : undefined)) setKey(at, name, {});
        at = at[name] as JsonObject;
      }
      setKey(at, replicasPath.at(-1)!, replicas);
    },
  };
}
