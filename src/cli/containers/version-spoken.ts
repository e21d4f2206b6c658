import { statSync } from 'node:fs';
import { programFile } from '../program-file.ts';
import { orreryVersion } from '../version.ts';

/** Of Podman's, whose commands are spoken here. */
export const PODMAN_VERSION = '4.3.1';

/** What scripts that ask `podman` for its version go by: what it can do. Under other names it is our own. */
export function versionSpoken(program: string): string {
  return program === 'podman' ? PODMAN_VERSION : orreryVersion;
}

/** When this program was made. */
export function builtAt(): Date {
  return statSync(programFile()).mtime;
}

/** Podman's name of the image of pods' own containers, which its version gives away. */
export function pauseImageName(): string {
  return `localhost/podman-pause:${PODMAN_VERSION}-${Math.floor(builtAt().getTime() / 1000)}`;
}
