import type { corev1 } from '../types/index.generated.ts';

/** No vowels and no look-alikes: a hash never spells a word (k8s.io/apimachinery/pkg/util/rand). */
const SAFE_CHARACTERS = 'bcdfghjklmnpqrstvwxz2456789';

/**
 * The value of the label `pod-template-hash`: the same for templates that mean the same (the order of keys
 * does not count), another one for each collision count. Not the number Kubernetes computes (that hashes Go's
 * memory layout), but as stable and as safe in names.
 */
export function podTemplateHash(template: corev1.PodTemplateSpec, collisionCount = 0): string {
  const suffix = collisionCount > 0 ? `#${collisionCount}` : '';
  const digits = String(fnv1a32(`${canonicalJson(template)}${suffix}`));
  return [...digits].map((digit) => SAFE_CHARACTERS[digit.charCodeAt(0) % SAFE_CHARACTERS.length]).join('');
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** JSON with sorted keys and without fields that are not set. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => {
    if (typeof one !== 'object' || one === null || Array.isArray(one)) return one === null ? undefined : one;
    return Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
