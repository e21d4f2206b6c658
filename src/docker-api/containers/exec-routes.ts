import { BadRequest, Conflict } from '../../base/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { MULTIPLEXED_STREAM, RAW_STREAM } from '../http/frames.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { sizeOf } from './attach-routes.ts';
import { readFields } from './body-reader.ts';
import { isRunning } from './container-shapes.ts';
import type { Fields } from './create-schema.ts';
import { parseDetachKeys } from './detach-keys.ts';
import { carrySession } from './stream-session.ts';

/** Further processes in running containers. */
export function execRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'POST', path: '/containers/{name}/exec', handler: (x) => create(context, x) },
    { method: 'POST', path: '/exec/{name}/start', handler: (x) => start(context, x) },
    {
      method: 'POST',
      path: '/exec/{name}/resize',
      handler: async (x) => {
        const [columns, rows] = sizeOf(x);
        await context.libpod.containers.exec.resize(x.name(), columns, rows);
        x.done(200);
      },
    },
    { method: 'GET', path: '/exec/{name}/json', handler: (x) => inspect(context, x) },
  ];
}

const EXEC_FIELDS: Fields = {
  ...{ AttachStdin: 'bool', AttachStdout: 'bool', AttachStderr: 'bool', DetachKeys: 'string' },
  ...{ Tty: 'bool', Env: 'strings', Cmd: 'words', Privileged: 'bool', User: 'string' },
  ...{ WorkingDir: 'string', ConsoleSize: 'any', Detach: 'bool' },
};

interface ExecBody {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  DetachKeys?: string;
  Tty?: boolean;
  Env?: string[];
  Cmd?: string[];
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
}

async function create({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const body = readFields(await x.json(), EXEC_FIELDS, '', ['Container']) as ExecBody;
  const one = await libpod.containers.inspect(x.name());
  if (one.status === 'paused')
    throw new Conflict(`Container ${x.name()} is paused, unpause the container before exec`);
  if (!isRunning(one.status)) throw new Conflict(`container ${one.id} is not running`);
  if (body.Cmd === undefined || body.Cmd.length === 0) throw new BadRequest('No exec command specified');
  if (body.DetachKeys) parseDetachKeys(body.DetachKeys);
  const { Cmd, ...rest } = body;
  const id = await libpod.containers.exec.create(one.id, {
    ...given(rest, ['AttachStdin', 'AttachStdout', 'AttachStderr', 'Tty', 'Env', 'User', 'WorkingDir']),
    ...given(rest, ['Privileged', 'DetachKeys']),
    Cmd,
  });
  x.send(201, { Id: id });
}

/** The fields that say something. */
function given<T extends object, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    keys.filter((key) => from[key] !== undefined && from[key] !== '').map((key) => [key, from[key]]),
  ) as Pick<T, K>;
}

async function start({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const execs = libpod.containers.exec;
  const body = await x.json();
  const one = await execs.inspect(x.name());
  if (one.running) throw new Conflict(`Error: Exec command ${one.id} is already running`);
  if (one.exitCode !== undefined) throw new Conflict(`Error: Exec command ${one.id} has already run`);
  const container = await libpod.containers.inspect(one.containerId);
  if (!isRunning(container.status)) throw new Conflict(`container ${one.containerId} is not running`);
  if (body.Detach === true) {
    await execs.start(one.id, { detach: true });
    return x.done(200);
  }
  // Docker goes by what the client says here: the frames are for its sake.
  const raw = body.Tty === true;
  const size = consoleSize(body.ConsoleSize);
  const session = await execs.start(one.id, size === undefined ? {} : { terminalSize: size });
  if (session === undefined) return x.done(200);
  const connection = x.hijack(!raw && x.isAtLeast('1.42') ? MULTIPLEXED_STREAM : RAW_STREAM);
  const { stdin, stdout, stderr } = session;
  // Who is not asked for is read all the same, so that the process does not stand still.
  if (one.AttachStdout === false) stdout.resume();
  if (one.AttachStderr === false) stderr?.resume();
  if (one.AttachStdin !== true) stdin?.end();
  const streams = {
    ...(one.AttachStdin === true && stdin !== undefined && { stdin }),
    ...(one.AttachStdout !== false && { stdout }),
    ...(one.AttachStderr !== false && stderr !== undefined && { stderr }),
  };
  await carrySession(connection, streams, {
    raw,
    detachKeys: one.Tty === true ? parseDetachKeys(one.DetachKeys || undefined) : [],
  }).then(async (how) => {
    // The client may ask for the exit code as soon as it sees the end.
    if (how === 'ended') await session.exit;
  });
  connection.close();
}

function consoleSize(value: unknown): { columns: number; rows: number } | undefined {
  if (!Array.isArray(value) || value.length !== 2 || !value.every((one) => Number.isInteger(one) && one > 0))
    return undefined;
  const [rows, columns] = value as [number, number];
  return { columns, rows };
}

/** Engine API 1.44, ExecInspectResponse. */
async function inspect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const one = await libpod.containers.exec.inspect(x.name());
  const [entrypoint = '', ...args] = one.Cmd;
  x.send(200, {
    ID: one.id,
    Running: one.running,
    ExitCode: one.exitCode ?? null,
    ProcessConfig: {
      tty: one.Tty ?? false,
      entrypoint,
      arguments: args,
      privileged: one.Privileged ?? false,
      ...(one.User !== undefined && { user: one.User }),
    },
    OpenStdin: one.AttachStdin ?? false,
    OpenStderr: one.AttachStderr ?? false,
    OpenStdout: one.AttachStdout ?? false,
    CanRemove: !one.running && one.exitCode !== undefined,
    ContainerID: one.containerId,
    DetachKeys: one.DetachKeys ?? '',
    Pid: one.pid ?? 0,
  });
}
