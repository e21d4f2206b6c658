/**
 * apply: who owns which field (metadata.managedFields), and server-side apply. Pure; the time is an argument.
 *
 * Guarantees structured-merge-diff's results for one version of a type; entries of other versions of the same
 * group are treated as if they had the same fields.
 */
export { applyToScale } from './apply-to-scale.ts';
export { setManagedFields } from './managed-fields.ts';
export { mergeConfiguration } from './merge-configuration.ts';
export * from './server-side-apply.ts';
export { type TrackOptions, trackManagedFields } from './track-managed-fields.ts';
