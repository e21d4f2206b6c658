import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BadRequest, createLog, silentLog } from '../../base/index.ts';
import type { ListenAddress, MutualTls } from '../../docker-api/index.ts';
import { type CommandDefinition, flag, maximumArgs, refusedFlag } from '../grammar/index.ts';
import { orreryVersion } from '../version.ts';
import type { ToolContext } from './context.ts';

/** systemd hands sockets down from here on (sd_listen_fds(3)). */
const FIRST_HANDED_FD = 3;

export const serviceCommand: CommandDefinition<ToolContext> = {
  usage: '[options] [URI]',
  description:
    "Serve Docker's Engine API 1.44. URI is unix:PATH, or tcp:HOST:PORT with certificates for both sides. Default: the socket systemd hands down, else /run/orrery/orrery.sock, for other users than root $XDG_RUNTIME_DIR/orrery/orrery.sock. Whoever may open the socket may do all that its user may.",
  examples: ['system service --time=0', 'system service unix:///tmp/orrery.sock'],
  flags: [
    flag('uint', 'time,t', 'Seconds without a request after which it ends; 0: never', {
      default: 5,
      aliases: ['timeout'],
    }),
    flag('string', 'tls-cert', 'Certificate of the server, PEM (tcp only)', { tools: ['orrery'] }),
    flag('string', 'tls-key', "The certificate's key, PEM (tcp only)", { tools: ['orrery'] }),
    flag('string', 'tls-client-ca', "Authority of clients' certificates, PEM (tcp only)", {
      tools: ['orrery'],
    }),
    refusedFlag('string', 'cors', 'CORS headers', 'the API is not for web pages'),
  ],
  args: maximumArgs(1),
  run: async ({ args, flags }, context) => {
    const tls = await readTls({
      certificate: flags.string('tls-cert'),
      key: flags.string('tls-key'),
      clientAuthority: flags.string('tls-client-ca'),
    });
    const configured = flags.changed('time') ? undefined : context.configuration().engine.service_timeout;
    const idleSeconds = configured ?? Number(flags.string('time') ?? 5);
    const rootless = context.libpodOptions().rootless !== undefined || process.getuid!() !== 0;
    const listen = listenAddress(args[0], { environment: context.environment, rootless, tls });
    await serve(context, listen, { idleTimeoutMs: idleSeconds * 1000, rootless });
    return 0;
  },
};

async function serve(
  context: ToolContext,
  listen: ListenAddress,
  options: { idleTimeoutMs: number; rootless: boolean },
): Promise<void> {
  const [{ serveDockerApi }, { openBuilder }] = await Promise.all([
    import('../../docker-api/index.ts'),
    import('../../engine/index.ts'),
  ]);
  const libpod = await context.libpod();
  const builder = await openBuilder({
    directory: context.libpodOptions().imagesDirectory,
    images: libpod.images,
  });
  const server = await serveDockerApi({
    libpod,
    builder,
    listen,
    idleTimeoutMs: options.idleTimeoutMs,
    facts: {
      version: orreryVersion,
      gitCommit: '',
      isRootless: options.rootless,
      dataDirectory: context.root,
    },
    log: context.log === silentLog ? createLog({ level: 'warn', name: 'docker-api' }) : context.log,
  });
  context.log.info('serving', { address: server.address });
  const stop = (): void => void server.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  try {
    await server.ended;
  } finally {
    process.off('SIGTERM', stop);
    process.off('SIGINT', stop);
  }
}

export interface ListenFacts {
  environment: Readonly<Record<string, string | undefined>>;
  rootless: boolean;
  tls: MutualTls | undefined;
}

/** Where to listen. @throws BadRequest */
export function listenAddress(uri: string | undefined, facts: ListenFacts): ListenAddress {
  if (uri === undefined || uri === '') return defaultAddress(facts);
  const unix = /^unix:(?:\/\/)?(.*)$/.exec(uri)?.[1];
  if (unix !== undefined) {
    if (!isAbsolute(unix)) throw new BadRequest(`the socket's path is not absolute: ${uri}`);
    if (facts.tls !== undefined)
      throw new BadRequest('--tls-cert, --tls-key and --tls-client-ca are for tcp');
    return { kind: 'unix', path: unix, mode: 0o600 };
  }
  const tcp = /^tcp:(?:\/\/)?(.*):(\d{1,5})$/.exec(uri);
  if (tcp !== null) {
    if (facts.tls === undefined)
      throw new BadRequest(
        'tcp needs certificates for both sides: whoever reaches the port may do anything on this host',
        { hint: 'give --tls-cert, --tls-key and --tls-client-ca, or use a unix socket' },
      );
    const host = tcp[1]!.replace(/^\[(.*)\]$/, '$1') || '0.0.0.0';
    return { kind: 'tcp', host, port: Number(tcp[2]), tls: facts.tls };
  }
  // Podman's words; what stands before a colon is a scheme when it can be one.
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(uri)?.[1] ?? '';
  throw new BadRequest(
    `API Service endpoint scheme "${scheme}" is not supported. Try tcp://${uri} or unix:/${uri}`,
  );
}

function defaultAddress({ environment, rootless }: ListenFacts): ListenAddress {
  if (environment.LISTEN_PID === String(process.pid) && Number(environment.LISTEN_FDS) >= 1)
    return { kind: 'fd', fd: FIRST_HANDED_FD };
  if (!rootless) return { kind: 'unix', path: '/run/orrery/orrery.sock', mode: 0o660 };
  const runtime = environment.XDG_RUNTIME_DIR;
  if (runtime === undefined || !isAbsolute(runtime))
    throw new BadRequest('XDG_RUNTIME_DIR is not set', {
      hint: 'log in as a session, or name a socket: unix:PATH',
    });
  return { kind: 'unix', path: join(runtime, 'orrery', 'orrery.sock'), mode: 0o600 };
}

/** All three or none. @throws BadRequest */
async function readTls(files: Record<keyof MutualTls, string | undefined>): Promise<MutualTls | undefined> {
  const { certificate, key, clientAuthority } = files;
  if (certificate === undefined && key === undefined && clientAuthority === undefined) return undefined;
  if (certificate === undefined || key === undefined || clientAuthority === undefined)
    throw new BadRequest('--tls-cert, --tls-key and --tls-client-ca belong together');
  const read = async (path: string): Promise<string> => {
    try {
      return await readFile(path, 'utf8');
    } catch (cause) {
      throw new BadRequest(`cannot read ${path}`, { cause });
    }
  };
  return {
    certificate: await read(certificate),
    key: await read(key),
    clientAuthority: await read(clientAuthority),
  };
}
