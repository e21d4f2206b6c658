import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { BadRequest } from '../../../base/index.ts';
import type { LibpodOptions } from '../../../libpod/index.ts';
import type { FlagValues } from '../../grammar/index.ts';
import { ramBytes } from '../create/byte-sizes.ts';
import type { ContainersConf } from './containers-conf.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
/** Flags that whatever continues our work is called with too. */
const REPEATED = ['runtime', 'runtime-flag', 'conmon', 'volumepath', 'events-backend'];
/** Where the configuration is found. */
const CONFIGURING = ['CONTAINERS_CONF', 'XDG_CONFIG_HOME', 'HOME'];

/** Programs and places: from the program's own flags, else containers.conf. @throws BadRequest */
export function engineSettings(
  { engine }: ContainersConf,
  globals: FlagValues,
  environment: Environment,
): Partial<LibpodOptions> {
  const runtime = runtimePath(engine, globals, environment);
  const conmon = globals.string('conmon') || engine.conmon_path?.find(isProgram);
  const volumes = globals.string('volumepath') || engine.volume_path;
  const flags = globals.strings('runtime-flag');
  const conmonEnvironment = Object.fromEntries(
    CONFIGURING.flatMap((name) => {
      const value = environment[name];
      if (!value) return [];
      return [[name, name === 'CONTAINERS_CONF' ? resolve(value) : value]];
    }),
  );
  return {
    ...(runtime !== undefined && { runtime }),
    ...(conmon !== undefined && { conmon }),
    ...(volumes && { volumesDirectory: resolve(volumes) }),
    ...(flags.length > 0 && { runtimeFlags: flags }),
    conmonEnvironment,
    events: eventSettings(engine, globals),
  };
}

/** What repeats, for a process of ours that goes on later, the flags given to this one. */
export function repeatedFlags(globals: FlagValues): string[] {
  return REPEATED.filter((name) => globals.changed(name)).flatMap((name) =>
    globals.strings(name).map((value) => `--${name}=${value}`),
  );
}

/** `--runtime`, else containers.conf's: a path, or a name of its table of runtimes or on the usual paths. */
export function runtimePath(
  { runtime: configured, runtimes }: ContainersConf['engine'],
  globals: FlagValues,
  environment: Environment,
): string | undefined {
  const name = globals.string('runtime') || configured;
  if (!name) return undefined;
  if (name.includes('/')) return name;
  const listed = runtimes?.[name];
  const folders = [...(environment.PATH ?? '').split(delimiter).filter(Boolean), ...FOLDERS];
  const places = Array.isArray(listed) ? listed.map(String) : folders.map((folder) => join(folder, name));
  const found = places.find(isProgram);
  if (found === undefined) throw new BadRequest(`default OCI runtime "${name}" not found: invalid argument`);
  return found;
}

function eventSettings(
  engine: ContainersConf['engine'],
  globals: FlagValues,
): NonNullable<LibpodOptions['events']> {
  const backend = globals.changed('events-backend') ? globals.string('events-backend') : engine.events_logger;
  const { events_logfile_path: path, events_logfile_max_size: size } = engine;
  return {
    ...(path && { path }),
    ...(size !== undefined && { limitBytes: ramBytes(size) }),
    // A host whose file names journald has events all the same.
    backend: backend === 'none' ? 'none' : 'file',
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // "Not there" is the answer.
    return false;
  }
}
