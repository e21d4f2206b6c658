import { BadRequest } from '../../base/index.ts';
import type { FlagValues } from '../grammar/index.ts';
import type { ContainersConf } from './configuration/containers-conf.ts';

const REASON =
  'there is no remote client: run the command on that host, or use a Docker client with its socket';

/** Variables that make Podman a remote client. */
export const REMOTE_VARIABLES = ['CONTAINER_HOST', 'CONTAINER_CONNECTION'];

/** A remote client has no `--remote`: it is one already. */
export function asksForRemote(
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const end = words.indexOf('--');
  const flags = end < 0 ? words : words.slice(0, end);
  return (
    REMOTE_VARIABLES.some((name) => environment[name]) ||
    flags.some((word) => /^--(?:url|connection)(?:=|$)/.test(word))
  );
}

/**
 * Work meant for another host is never done on this one.
 * @throws BadRequest naming the flag or variable
 */
export function refuseRemote(
  globals: FlagValues,
  environment: Readonly<Record<string, string | undefined>>,
  configuration: () => ContainersConf,
): void {
  for (const name of ['connection', 'context']) {
    const destination = globals.string(name);
    if (!globals.changed(name) || (name === 'context' && destination === 'default')) continue;
    if (configuration().engine.service_destinations?.[destination!] === undefined)
      throw new BadRequest(
        `failed to resolve active destination: ${JSON.stringify(destination)} service destination not found`,
      );
    throw new BadRequest(`--${name}=${destination} is not supported: ${REASON}`);
  }
  for (const name of ['url', 'host'])
    if (globals.changed(name)) throw new BadRequest(`--${name} is not supported: ${REASON}`);
  if (globals.bool('remote')) throw new BadRequest(`--remote is not supported: ${REASON}`);
  if (globals.changed('remote')) return;
  for (const name of REMOTE_VARIABLES)
    if (environment[name]) throw new BadRequest(`${name} is not supported: ${REASON}`);
}
