import { createWriteStream } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BadRequest, type Log, type LogLevel, silentLog } from '../../base/index.ts';
import type { ImageLibrary } from '../../engine/index.ts';
import { rootlessFacts } from '../../engine/rootless/index.ts';
import type { Libpod, LibpodOptions } from '../../libpod/index.ts';
import { dataDirectoryOf } from '../data-root.ts';
import type { Invocation } from '../grammar/index.ts';
import { layerLimit } from '../layer-limit.ts';
import { commandFile } from '../program-file.ts';
import { type ContainersConf, readContainersConf } from './configuration/containers-conf.ts';
import { engineSettings, repeatedFlags } from './configuration/engine-settings.ts';
import { refuseRemote } from './remote-refusal.ts';
import { createTextLog, textLine } from './text-log.ts';
import { pauseImageName } from './version-spoken.ts';

/** What commands of the container tool stand on; opened when they ask for it. */
export interface ToolContext {
  /** `orrery`, `podman` or `docker`: names of images and some outputs follow it. */
  program: 'orrery' | 'podman' | 'docker';
  /** `--root`, else the data directory. */
  root: string;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  environment: NodeJS.ProcessEnv;
  log: Log;
  /** The images alone: enough for what needs no container. */
  images(): Promise<ImageLibrary>;
  libpod(): Promise<Libpod>;
  /** containers.conf, read when it is first asked for. @throws BadRequest */
  configuration(): ContainersConf;
  /** How `libpod` is opened: for the API server, which opens its own. */
  libpodOptions(): LibpodOptions;
}

const LOG_LEVELS: Record<string, LogLevel> = {
  ...{ trace: 'debug', debug: 'debug', info: 'info', warn: 'warn', warning: 'warn' },
  ...{ error: 'error', fatal: 'error', panic: 'error' },
};

export function createToolContext(invocation: Invocation): ToolContext {
  const { globals } = invocation;
  const root = dataDirectoryOf(globals.string('root'));
  const log = logOf(invocation);
  if (globals.changed('config') && invocation.program === 'podman')
    process.stderr.write('The --config flag is ignored by Podman. Exists for Docker compatibility\n');
  const engineDirectory = join(root, 'engine');
  const rootless = rootlessFacts();
  let conf: ContainersConf | undefined;
  const configuration = () => {
    if (conf === undefined) {
      conf = readContainersConf(process.env, rootless.isRootless);
      for (const setting of conf.ignored) log.debug('containers.conf: without meaning here', { setting });
    }
    return conf;
  };
  refuseRemote(globals, process.env, configuration);
  const libpodOptions = (): LibpodOptions => ({
    directory: join(root, 'containers'),
    imagesDirectory: engineDirectory,
    log,
    self: [process.execPath, commandFile(), '--root', root, ...repeatedFlags(globals)],
    environment: process.env,
    pauseImage: pauseImageName(),
    ...(rootless.isRootless && { rootless: { uid: rootless.uid, gid: rootless.gid } }),
    ...engineSettings(configuration(), globals, process.env),
    ...layerLimit(process.env),
  });
  const images = once(async (): Promise<ImageLibrary> => {
    const { openImageLibrary } = await import('../../engine/index.ts');
    return await openImageLibrary({
      directory: engineDirectory,
      log,
      imageEvents: async (event) => {
        const { imageEvent, openEvents } = await import('../../libpod/events/index.ts');
        await openEvents(libpodOptions()).append(imageEvent(event));
      },
      searchPath: (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
      ...layerLimit(process.env),
    });
  });
  return {
    program: invocation.program as ToolContext['program'],
    root,
    // Made when it is first asked for: few commands read it.
    get stdin() {
      return process.stdin;
    },
    stdout: globals.bool('noout') ? nowhere() : process.stdout,
    stderr: process.stderr,
    environment: process.env,
    log,
    images,
    configuration,
    libpod: once(async () => {
      const { openLibpod } = await import('../../libpod/index.ts');
      return await openLibpod(libpodOptions());
    }),
    libpodOptions,
  };
}

/** `--log-level` and `--debug`. @throws BadRequest in Podman's words, with its exit code */
function logOf({ globals, path, program }: Invocation): Log {
  const refuse = (message: string): never => {
    throw new BadRequest(message, { details: { exitCode: 1, isPlain: true } });
  };
  let asked = globals.string('log-level')!.toLowerCase();
  if (globals.bool('debug')) {
    if (asked !== 'warn') refuse('Setting --log-level and --debug is not allowed');
    asked = 'debug';
  }
  const level = Object.hasOwn(LOG_LEVELS, asked) ? LOG_LEVELS[asked]! : undefined;
  if (level === undefined)
    return refuse(
      `Log Level ${JSON.stringify(asked)} is not supported, choose from: ${Object.keys(LOG_LEVELS).join(', ')}`,
    );
  if (level !== 'debug' && level !== 'info') return silentLog;
  const write = (line: string) => void process.stderr.write(line);
  const log = createTextLog({ level, write });
  log.info(`${program} filtering at log level ${asked}`);
  log.debug('the command is run', { command: path });
  if (asked === 'trace')
    write(textLine('trace', 'this process', { pid: process.pid, node: process.version }));
  return log;
}

/** Podman's `--noout`: what would go to standard output is not written. */
function nowhere(): NodeJS.WriteStream {
  return createWriteStream('/dev/null') as unknown as NodeJS.WriteStream;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
