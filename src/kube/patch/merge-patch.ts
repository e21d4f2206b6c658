import { BadRequest } from '../../base/index.ts';
import { getKey, isObject, type JsonObject, setKey } from './json-value.ts';

/**
 * JSON merge patch (RFC 7386 section 2). Neither argument is changed; the result shares with both what it
 * can. Of a member that is new, nulls inside are dropped as the RFC says.
 *
 * @throws BadRequest when the patch is not an object: a Kubernetes object cannot be replaced by a scalar.
 */
export function mergePatch(current: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw new BadRequest('Invalid JSON Patch');
  return merge(current, patch);
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(target) ? { ...target } : {};
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value === null) delete merged[key];
    else setKey(merged, key, merge(getKey(merged, key), value));
  }
  return merged;
}
