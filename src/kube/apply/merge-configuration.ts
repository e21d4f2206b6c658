import { cloneJson, isObject } from '../patch/json-value.ts';
import type { Schema } from '../resource.ts';
import { PathElementError, rootShape, type Shape, shapeFor } from './shape.ts';
import { fieldSetOf, memberShape, merge } from './walk.ts';

/**
 * `live` with the fields of an apply configuration, which nobody comes to own: what a mutating policy does.
 * Neither argument is changed; the result shares nothing with them.
 *
 * Source: k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch ApplyStructuredMergeDiff.
 * @throws Error in upstream's words for fields that are not in the schema and for parts that are set whole.
 */
export function mergeConfiguration(schema: Schema, live: object, configuration: object): object {
  const shape = rootShape(schema);
  try {
    fieldSetOf(shape, configuration);
  } catch (cause) {
    if (!(cause instanceof PathElementError)) throw cause;
    throw new Error(`failed to convert patch object to typed object: ${cause.message}`, { cause });
  }
  const whole = atomicPaths(shape, configuration, '');
  if (whole.length > 0)
    throw new Error(
      `invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: ${whole.join(', ')}`,
    );
  return cloneJson(merge(shape, live, configuration)) as object;
}

/** The maps, structs and lists of a value that would be replaced as a whole. */
function atomicPaths(place: Shape, value: unknown, path: string): string[] {
  const shape = shapeFor(place, value);
  if (Array.isArray(value)) {
    if (shape.kind === 'leaf') return [path];
    if (shape.kind !== 'list') return [];
    return value.flatMap((one, index) => atomicPaths(shape.element, one, `${path}[${index}]`));
  }
  if (!isObject(value)) return [];
  if (shape.kind === 'leaf') return [path];
  // The values of a map are no fields: upstream looks no further either.
  if (shape.kind === 'map') return [];
  return Object.entries(value).flatMap(([name, one]) => {
    const member = memberShape(shape, name);
    return member === undefined ? [] : atomicPaths(member, one, `${path}.${name}`);
  });
}
