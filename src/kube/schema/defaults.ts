import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { type FieldInfo, type TypeInfo, typeInfo } from './fields.ts';

/** What defaulting has to do at one struct: constants to set, and fields below which there is more to do. */
interface Plan {
  constants: readonly FieldInfo[];
  descend: readonly { field: FieldInfo; plan: Plan }[];
}

const plans = new Map<string, Plan | undefined>();

/**
 * Sets the field table's constant defaults wherever their parent exists, then the resource's own defaults.
 * Changes `object`. Doing it again changes nothing.
 */
export function applyDefaults(resource: Resource, object: KubeObject): void {
  if (resource.schema.custom === undefined) applyConstantDefaults(resource.schema.ref, object);
  else resource.schema.custom.applyDefaults(object as unknown as Record<string, unknown>);
  resource.defaults?.(object);
}

/** The first half alone, for a kind that is not a resource (Scale). Changes `object`. */
export function applyConstantDefaults(ref: string, object: object): void {
  const plan = planOf(typeInfo(ref));
  if (plan !== undefined) applyPlan(plan, object as Record<string, unknown>);
}

function applyPlan(plan: Plan, object: Record<string, unknown>): void {
  for (const field of plan.constants) {
    const value = object[field.name];
    if (value === undefined || value === null || (value === '' && !field.pointer))
      object[field.name] = field.default;
  }
  for (const { field, plan: below } of plan.descend) {
    const value = object[field.name];
    if (typeof value !== 'object' || value === null) continue;
    if (field.collection === undefined) applyPlan(below, value as Record<string, unknown>);
    else
      for (const one of Object.values(value))
        if (one !== null) applyPlan(below, one as Record<string, unknown>);
  }
}

/** Undefined when there is nothing to default at or below the type. */
function planOf(type: TypeInfo, above: readonly string[] = []): Plan | undefined {
  if (plans.has(type.ref)) return plans.get(type.ref);
  // A type inside itself (JSONSchemaProps) holds no constants; its first visit decides.
  if (above.includes(type.ref)) return undefined;
  const constants: FieldInfo[] = [];
  const descend: { field: FieldInfo; plan: Plan }[] = [];
  for (const field of type.fields.values()) {
    if (isEmitted(field)) constants.push(field);
    if (field.kind !== 'struct') continue;
    const plan = planOf(field.struct, [...above, type.ref]);
    if (plan !== undefined) descend.push({ field, plan });
  }
  const plan = constants.length === 0 && descend.length === 0 ? undefined : { constants, descend };
  plans.set(type.ref, plan);
  return plan;
}

/** A zero default of a field that Go omits when zero is documentation only. */
function isEmitted(field: FieldInfo): boolean {
  if (field.default === undefined) return false;
  const zero = field.default === '' || field.default === 0 || field.default === false;
  return !zero || field.pointer || field.required;
}
