import { BadRequest } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { decodeObject } from '../schema/decode.ts';
import { groupVersionString } from '../schema/schema.ts';
import { difference, type FieldSet } from './field-set.ts';
import type { Shape } from './shape.ts';
import { type Comparison, compareChildren, storedFieldSetOf } from './walk.ts';

/** What kubectl's client-side apply leaves behind, so that its server-side apply can take over. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The fields that client-side apply set last and that still have that value: kubectl's first server-side apply
 * may change them whoever owns them.
 *
 * @throws BadRequest when the annotation cannot be read or is of another version.
 */
export function allowedByLastApplied(resource: Resource, shape: Shape, live: KubeObject): FieldSet {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined || text === '') return {};
  const config = parse(text);
  const expected = groupVersionString(resource);
  if (config.apiVersion !== expected)
    throw new BadRequest(
      `expected version of last applied to match live object '${expected}', but got '${config.apiVersion ?? ''}'`,
    );
  const { object } = decodeObject(resource, config, 'Ignore');
  const into: Comparison = { changed: {}, removed: {} };
  compareChildren(shape, object, live, into);
  return difference(difference(storedFieldSetOf(shape, object), into.changed), into.removed);
}

function parse(text: string): KubeObject {
  try {
    return JSON.parse(text) as KubeObject;
  } catch (cause) {
    throw new BadRequest(`couldn't unmarshal the last-applied annotation: ${String(cause)}`, { cause });
  }
}

/** Keeps the annotation, where there is one, in step with what kubectl applied on the server's side. */
export function updateLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  const annotations = object.metadata.annotations;
  if (annotations?.[LAST_APPLIED] === undefined) return object;
  const { [LAST_APPLIED]: _, ...rest } = applied.metadata.annotations ?? {};
  const config = { ...applied, metadata: { ...applied.metadata, annotations: rest } };
  annotations[LAST_APPLIED] = `${JSON.stringify(config)}\n`;
  return object;
}
