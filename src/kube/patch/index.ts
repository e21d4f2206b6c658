/**
 * patch: JSON Patch, JSON merge patch and Kubernetes' strategic merge patch. Pure: arguments are never changed.
 */
export { jsonPatch, patchFailure } from './json-patch.ts';
export { cloneJson, equalJson } from './json-value.ts';
export { mergePatch } from './merge-patch.ts';
export { strategicMergePatch } from './strategic-merge-patch.ts';
