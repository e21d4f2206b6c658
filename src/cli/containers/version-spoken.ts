import { orreryVersion } from '../version.ts';

/** Of Podman's, whose commands are spoken here. */
export const PODMAN_VERSION = '4.3.1';

/** What scripts that ask `podman` for its version go by: what it can do. Under other names it is our own. */
export function versionSpoken(program: string): string {
  return program === 'podman' ? PODMAN_VERSION : orreryVersion;
}
