/**
 * openapi: the documents kubectl and client generators read, made from the resources served. Only types that
 * those reach are in them. Costs tens of milliseconds: keep the result until the resources change.
 */

export { openApiV3OfV2 } from './convert.ts';
export type { Descriptions } from './definitions.ts';
export { openApiV2Protobuf } from './gnostic.ts';
export { mergeOpenApiV2, type RemoteSpec } from './merge.ts';
export { definitionOf, openApiV2, openApiV3 } from './openapi.ts';
