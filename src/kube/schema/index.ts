/**
 * schema: the field table, and what follows from it for any object: decoding and constant defaults.
 */
export * from './decode.ts';
export * from './defaults.ts';
export * from './duplicates.ts';
export * from './fields.ts';
export * from './schema.ts';
