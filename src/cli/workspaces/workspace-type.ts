import type { tenancyv1alpha1 } from '../../kube/index.ts';

/** `root:universal`. */
export function typeText({ path = '', name }: tenancyv1alpha1.WorkspaceTypeReference): string {
  return path === '' ? name : `${path}:${name}`;
}

/** Reads `--type`: what is behind the last colon is the name. A type without a path is looked for by the server. */
export function readType(text: string): tenancyv1alpha1.WorkspaceTypeReference {
  const at = text.lastIndexOf(':');
  const name = text.slice(at + 1).toLowerCase();
  return at < 0 ? { name } : { name, path: text.slice(0, at) };
}
