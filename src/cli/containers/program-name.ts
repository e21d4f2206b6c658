import { basename } from 'node:path';

/**
 * The name the command was called by: linked as `podman` or `docker` it speaks as that tool does.
 *
 * @param script process.argv[1], which keeps the name of a link.
 */
export function programName(script: string | undefined): 'orrery' | 'podman' | 'docker' {
  const name = basename(script ?? '').replace(/\.(?:mjs|ts)$/, '');
  return name === 'podman' || name === 'docker' ? name : 'orrery';
}
