/**
 * kube: the Kubernetes object model as pure functions: resources, schemas, defaults, validation,
 * selectors, quantities, patches, tables, OpenAPI.
 *
 * No I/O, no clock of its own. Does not know how objects are stored or who asks for them.
 */
export * from './object.ts';
export type * from './resource.ts';
export type * from './types/index.generated.ts';
export * from './quantity/quantity.ts';
export * from './selectors/field-selector.ts';
export * from './selectors/label-selector.ts';
export { fieldErrorText, invalidError } from './validation/field-errors.ts';
export { semanticallyEqual } from './validation/equality.ts';
export * from './schema/index.ts';
export * from './patch/index.ts';
export * from './workloads/int-or-percent.ts';
export * from './workloads/pod-conditions.ts';
export * from './workloads/pod-resources.ts';
export * from './workloads/pod-template-hash.ts';
export * from './apply/index.ts';
export * from './openapi/index.ts';
