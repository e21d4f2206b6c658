import { BadRequest } from '../../base/index.ts';
import type { ImageDetails } from '../engine.ts';
import { parseReference } from './reference.ts';

/**
 * Whether an image passes the filters of `images` and `image prune`: any value of one key, all of the keys;
 * of `label` all values, of `reference` any, as Podman has it.
 */
export type ImagePredicate = (image: ImageDetails) => boolean;

export interface FilterContext {
  nowMs: number;
  /** The image that `before`, `since` or `intermediate` names. @throws NotFound */
  find(reference: string): ImageDetails;
}

/** @throws BadRequest for a filter or a value that is not supported. */
export function imageFilter(
  filters: Record<string, readonly string[]>,
  context: FilterContext,
): ImagePredicate {
  const tests = Object.entries(filters).map(([key, values]) => {
    const predicates = values.map((value) => predicateOf(key, value, context));
    const isAll = key === 'label' || key === 'label!';
    return (image: ImageDetails) =>
      isAll ? predicates.every((test) => test(image)) : predicates.some((test) => test(image));
  });
  return (image) => tests.every((test) => test(image));
}

function predicateOf(key: string, value: string, context: FilterContext): ImagePredicate {
  switch (key) {
    case 'dangling': {
      const wanted = bool(key, value);
      return (image) => isDangling(image) === wanted;
    }
    case 'intermediate': {
      const wanted = bool(key, value);
      return (image) => isIntermediate(image) === wanted;
    }
    case 'containers': {
      if (value === 'external') return () => false;
      const wanted = bool(key, value);
      return (image) => image.users.length > 0 === wanted;
    }
    case 'readonly': {
      // Everything is in one store that can be written.
      const wanted = bool(key, value);
      return () => !wanted;
    }
    case 'id':
      return (image) => image.id.replace('sha256:', '').startsWith(value.replace('sha256:', ''));
    case 'digest':
      return (image) => image.digest === value;
    case 'label':
      return (image) => hasLabel(image.config.Labels ?? {}, value);
    case 'label!':
      return (image) => !hasLabel(image.config.Labels ?? {}, value);
    case 'reference':
      return (image) => image.references.some((name) => matchesReference(name, value));
    case 'before':
    case 'since':
    case 'after': {
      const atMs = Date.parse(context.find(value).createdAt);
      return (image) =>
        key === 'before' ? Date.parse(image.createdAt) < atMs : Date.parse(image.createdAt) > atMs;
    }
    case 'until': {
      const atMs = timeOf(value, context.nowMs);
      return (image) => Date.parse(image.createdAt) < atMs;
    }
    default:
      throw new BadRequest(`unsupported image filter ${JSON.stringify(key)}`);
  }
}

/** No name, and no image that was made from it. */
export function isDangling(image: ImageDetails): boolean {
  return image.references.length === 0 && !image.hasChildren;
}

/** A step on the way to another image. */
export function isIntermediate(image: ImageDetails): boolean {
  return image.references.length === 0 && image.hasChildren;
}

function bool(key: string, value: string): boolean {
  if (/^(?:1|t|true)$/i.test(value)) return true;
  if (/^(?:0|f|false)$/i.test(value)) return false;
  throw new BadRequest(`non-boolean value ${JSON.stringify(value)} for ${key} filter`);
}

function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const equals = wanted.indexOf('=');
  const key = equals < 0 ? wanted : wanted.slice(0, equals);
  const value = labels[key];
  return value !== undefined && (equals < 0 || value === wanted.slice(equals + 1));
}

/** Shell patterns against the whole name, and every ending of it after a slash, with the tag and without. */
export function matchesReference(name: string, pattern: string): boolean {
  const { domain, path, tag } = parseReference(name);
  const whole = `${domain}/${path}`;
  const expression = shellPattern(pattern);
  for (let rest = whole; ; rest = rest.slice(rest.indexOf('/') + 1)) {
    if (expression.test(rest) || (tag !== undefined && expression.test(`${rest}:${tag}`))) return true;
    if (!rest.includes('/')) return expression.test(name);
  }
}

/** Go's path.Match: a star and a question mark stop at slashes. */
function shellPattern(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replace(/\*/g, '[^/]*')
    .replace(/\?/g, '[^/]');
  try {
    return new RegExp(`^${source}$`);
  } catch (cause) {
    throw new BadRequest(`invalid reference filter ${JSON.stringify(pattern)}`, { cause });
  }
}

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A date, seconds since 1970, or a Go duration back from now. @throws BadRequest */
export function timeOf(value: string, nowMs: number): number {
  if (/^(?:\d+(?:\.\d+)?[smhd])+$/.test(value))
    return (
      nowMs -
      [...value.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)].reduce(
        (sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!,
        0,
      )
    );
  const atMs = /^\d+(?:\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
  if (!Number.isFinite(atMs))
    throw new BadRequest(`${JSON.stringify(value)} is neither a time nor a duration`);
  return atMs;
}
