/**
 * extensions: CustomResourceDefinitions as pure functions: structural schemas, pruning, defaults, validation with
 * ratcheting, CEL rules, published schemas, and one `Resource` from each served version.
 *
 * Does not serve, store or convert anything: see src/apiserver/extensions.
 */
export { reconcileStatus } from './conditions.ts';
export { customCelType } from './custom-cel-type.ts';
export { customResource, goingResource, summarizeCustomResource } from './custom-resource.ts';
export {
  CLEANUP_FINALIZER,
  type CrdVersion,
  type CustomResourceDefinition,
  conditionOf,
  isConditionTrue,
  setCondition,
} from './types.ts';
