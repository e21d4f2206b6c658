import type { KubeObject } from '../object.ts';
import type * as v1alpha1 from './types/apis-v1alpha1.ts';
import type * as v1alpha2 from './types/apis-v1alpha2.ts';

/** Claims of v1alpha1 and v1alpha2, and what of either is kept in annotations while an object is in the other. */

type Claimed = Pick<v1alpha1.PermissionClaim, 'group' | 'resource' | 'identityHash'>;

/** Verbs `*` alone are all that v1alpha1 knows. */
function hasAllVerbs({ verbs }: v1alpha2.PermissionClaim): boolean {
  return verbs.length === 1 && verbs[0] === '*';
}

/** Whether nothing of a claim is lost in v1alpha1. */
export function isPlain(claim: v1alpha2.PermissionClaim): boolean {
  return hasAllVerbs(claim) && claim.defaultSelector === undefined;
}

export function isPlainScoped(claim: v1alpha2.ScopedPermissionClaim): boolean {
  return isPlain(claim) && claim.selector.matchAll === true;
}

export function hasSelector({ resourceSelector }: v1alpha1.PermissionClaim): boolean {
  return (resourceSelector ?? []).length > 0;
}

/** Which resource is claimed, without what is empty. */
export function claimedOf({ group, resource, identityHash }: Claimed): Claimed {
  return { ...(group && { group }), resource, ...(identityHash && { identityHash }) };
}

export function isSameClaim(a: Claimed, b: Claimed): boolean {
  return (
    a.resource === b.resource &&
    (a.group ?? '') === (b.group ?? '') &&
    (a.identityHash ?? '') === (b.identityHash ?? '')
  );
}

/** A claim of v1alpha2 whose objects an annotation may still narrow; nothing chosen means everything. */
export function scopedOf(
  claim: v1alpha1.PermissionClaim,
  kept: readonly v1alpha2.ScopedPermissionClaim[],
): v1alpha2.ScopedPermissionClaim {
  const before = kept.find((one) => isSameClaim(one, claim));
  return { ...claimedOf(claim), verbs: ['*'], selector: { matchAll: true }, ...whatIsKept(before) };
}

function whatIsKept(claim: v1alpha2.ScopedPermissionClaim | undefined) {
  if (claim === undefined) return {};
  const { verbs, selector, defaultSelector } = claim;
  return { verbs, selector, ...(defaultSelector !== undefined && { defaultSelector }) };
}

/** The same of a claim that is of all objects. */
export function unscopedOf(
  claim: v1alpha1.PermissionClaim,
  kept: readonly v1alpha2.PermissionClaim[],
): v1alpha2.PermissionClaim {
  const before = kept.find((one) => isSameClaim(one, claim));
  return {
    ...claimedOf(claim),
    verbs: before?.verbs ?? ['*'],
    ...(before?.defaultSelector !== undefined && { defaultSelector: before.defaultSelector }),
  };
}

/** How v1alpha1 chose the objects of a claim, where it did. */
export function chosenOf(
  claim: Claimed,
  kept: readonly v1alpha1.PermissionClaim[],
): Pick<v1alpha1.PermissionClaim, 'all' | 'resourceSelector'> | undefined {
  const before = kept.find((one) => isSameClaim(one, claim));
  if (before === undefined) return undefined;
  const { all, resourceSelector } = before;
  return { ...(all !== undefined && { all }), ...(resourceSelector !== undefined && { resourceSelector }) };
}

/** The annotations of an object that is being converted: lists of JSON are taken out, and put in. */
export class KeptAnnotations {
  readonly #annotations: Record<string, string>;

  constructor({ metadata }: Pick<KubeObject, 'metadata'>) {
    this.#annotations = { ...metadata.annotations };
  }

  /** What is not a list is somebody else's text, and stays what it is. */
  take<T extends object>(key: string): T[] {
    const text = this.#annotations[key];
    if (text === undefined) return [];
    const kept = parsedList<T>(text);
    if (kept !== undefined) delete this.#annotations[key];
    return kept ?? [];
  }

  takeText(key: string): string | undefined {
    const text = this.#annotations[key];
    delete this.#annotations[key];
    return text;
  }

  put(key: string, kept: readonly object[] | string): void {
    if (kept.length > 0) this.#annotations[key] = typeof kept === 'string' ? kept : JSON.stringify(kept);
  }

  /** The metadata with these annotations; without any if there are none. */
  metadataOf({ metadata }: Pick<KubeObject, 'metadata'>): KubeObject['metadata'] {
    const { annotations: _before, ...rest } = metadata;
    const any = Object.keys(this.#annotations).length > 0;
    return { ...rest, ...(any && { annotations: this.#annotations }) };
  }
}

function parsedList<T extends object>(text: string): T[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Written by somebody by hand: it says nothing to us.
    return undefined;
  }
  const isList = Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null);
  return isList ? (value as T[]) : undefined;
}
