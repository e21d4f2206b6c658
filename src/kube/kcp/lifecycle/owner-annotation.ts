import type { metav1 } from '../../types/index.generated.ts';

/** Who made a workspace, as JSON of a UserInfo. */
export const OWNER_ANNOTATION = 'experimental.tenancy.kcp.io/owner';

/** The user's name in an owner annotation; undefined for what is none. */
export function ownerNameOf(metadata: Pick<metav1.ObjectMeta, 'annotations'>): string | undefined {
  const text = metadata.annotations?.[OWNER_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const owner: unknown = JSON.parse(text);
    const name =
      typeof owner === 'object' && owner !== null ? (owner as { username?: unknown }).username : '';
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Once a workspace is ready nobody needs more of its owner than the name: groups and the rest go, and so does an
 * annotation that cannot be read. Changes `metadata`.
 */
export function forgetOwnerDetails(metadata: metav1.ObjectMeta): void {
  const text = metadata.annotations?.[OWNER_ANNOTATION];
  if (text === undefined) return;
  const username = ownerNameOf(metadata);
  const { [OWNER_ANNOTATION]: _, ...others } = metadata.annotations!;
  metadata.annotations =
    username === undefined ? others : { ...others, [OWNER_ANNOTATION]: JSON.stringify({ username }) };
}
