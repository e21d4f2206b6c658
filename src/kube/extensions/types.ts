import type { apiextensionsv1 } from '../types/index.generated.ts';
import type { JsonSchemaProps } from './json-schema.ts';

/** The generated type, with its conditions of the right kind and the schema as it stands in JSON. */
export type CustomResourceDefinition = Omit<apiextensionsv1.CustomResourceDefinition, 'spec'> & {
  spec: Omit<apiextensionsv1.CustomResourceDefinitionSpec, 'versions'> & { versions: CrdVersion[] };
};

export type CrdVersion = Omit<apiextensionsv1.CustomResourceDefinitionVersion, 'schema'> & {
  schema?: { openAPIV3Schema?: JsonSchemaProps };
};

export type CrdNames = apiextensionsv1.CustomResourceDefinitionNames;
export type CrdCondition = apiextensionsv1.CustomResourceDefinitionCondition;

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

export function conditionOf(crd: CustomResourceDefinition, type: string): CrdCondition | undefined {
  return crd.status?.conditions?.find((one) => one.type === type);
}

export function isConditionTrue(crd: CustomResourceDefinition, type: string): boolean {
  return conditionOf(crd, type)?.status === 'True';
}

/** Sets a condition; its transition time moves only with its status. */
export function setCondition(crd: CustomResourceDefinition, condition: CrdCondition, now: string): void {
  crd.status ??= {};
  const before = conditionOf(crd, condition.type);
  const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : now;
  const { type, status, reason, message } = condition;
  const next = {
    lastTransitionTime: lastTransitionTime ?? now,
    message: message ?? '',
    reason: reason ?? '',
    status,
    type,
  };
  const others = crd.status.conditions ?? [];
  crd.status.conditions =
    before === undefined ? [...others, next] : others.map((one) => (one.type === type ? next : one));
}
