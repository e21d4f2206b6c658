/** What shared APIs (apis.kcp.io) are, as pure functions: see kcp's documentation, concepts/apis. */
export {
  BOUND_DEFINITIONS_WORKSPACE,
  boundDefinition,
  CONVERSIONS_ANNOTATION,
  SCHEMA_CLUSTER_ANNOTATION,
} from './bound-definition.ts';
export { ConversionRules } from './conversion-rules.ts';
export { exportLabelValue, IDENTITY_KEY, identityHash } from './identity.ts';
export { namingConflict, type TakenNames } from './naming-conflict.ts';
export { allowsVerb, claimOf, type GrantedClaim, grantedClaim, judgeClaims } from './permission-claims.ts';
export { validateApiResourceSchema, validateApiResourceSchemaUpdate } from './schema-validation.ts';
