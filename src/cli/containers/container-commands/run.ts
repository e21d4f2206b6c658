import { BadRequest } from '../../../base/index.ts';
import type { CreateOptions, Libpod } from '../../../libpod/index.ts';
import { type CommandDefinition, type FlagValues, flag, minimumArgs } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { createFlags } from '../create/create-flags.ts';
import { joinSession, leave, proxySignals } from '../terminal/session.ts';
import { createContainer } from './creation.ts';
import { detachKeysFlag, detachKeysOf } from './selection.ts';
import { asRunError, asStartError } from './start-errors.ts';

export const run: CommandDefinition<ToolContext> = {
  usage: '[options] IMAGE [COMMAND [ARG...]]',
  description: 'Runs a command in a new container from the given image',
  examples: [
    'run imageID ls -alF /etc',
    'run --network=host imageID dnf -y install java',
    'run --volume /var/hostdir:/var/ctrdir -i -t fedora /bin/bash',
  ],
  interspersed: false,
  flags: [
    ...createFlags,
    flag('bool', 'sig-proxy', 'Proxy received signals to the process', { default: true }),
    flag('bool', 'rmi', 'Remove container image unless used by other containers', { tools: ['podman'] }),
    flag('uint', 'preserve-fds', 'Pass a number of additional file descriptors into the container', {
      tools: ['podman'],
    }),
    flag('bool', 'detach,d', 'Run container in background and print container ID'),
    { ...detachKeysFlag, help: detachKeysFlag.help.replace('Select', 'Override') },
    flag('bool', 'passwd', 'add entries to /etc/passwd and /etc/group', { default: true, tools: ['podman'] }),
  ],
  args: minimumArgs(1),
  run: async (invocation, context) => {
    const { flags, args } = invocation;
    if (flags.bool('tty') && flags.bool('interactive') && context.stdin.isTTY !== true)
      context.stderr.write(
        'The input device is not a TTY. The --tty and --interactive flags might not work properly\n',
      );
    const streams = streamsOf(flags);
    const { libpod, id, options } = await createContainer(invocation, context, (created) =>
      flags.bool('detach') ? created : withAttached(created, streams),
    );
    if (flags.bool('detach')) {
      await orForget({ libpod, id, options, context }, () => libpod.containers.start(id));
      if (flags.string('log-driver') !== 'passthrough') context.stdout.write(`${id}\n`);
      return 0;
    }
    const exitCode = await runAttached({ libpod, id, options, flags, streams, context });
    if (flags.bool('rmi')) await removeImage(args[0]!, context);
    return exitCode;
  },
};

interface Streams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

/** `--attach` and `--interactive`. @throws BadRequest in Podman's words */
function streamsOf(flags: FlagValues): Streams {
  const isInteractive = flags.bool('interactive');
  if (!flags.changed('attach')) return { stdin: isInteractive, stdout: true, stderr: true };
  const named = flags.strings('attach').map((stream) => stream.toLowerCase());
  for (const stream of named)
    if (!['stdin', 'stdout', 'stderr'].includes(stream))
      throw new BadRequest(
        `invalid stream ${JSON.stringify(stream)} for --attach - must be one of stdin, stdout, or stderr: invalid argument`,
      );
  return {
    stdin: named.includes('stdin') || isInteractive,
    stdout: named.includes('stdout'),
    stderr: named.includes('stderr'),
  };
}

function withAttached(options: CreateOptions, { stdin, stdout, stderr }: Streams): CreateOptions {
  return {
    ...options,
    Config: { ...options.Config, AttachStdin: stdin, AttachStdout: stdout, AttachStderr: stderr },
  };
}

interface Created {
  libpod: Libpod;
  id: string;
  options: CreateOptions;
  context: ToolContext;
}

/** A step of a start. What was to remove itself does so, too, when it could not begin. */
async function orForget<T>({ libpod, id, options, context }: Created, begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    if (options.HostConfig.AutoRemove && (await libpod.containers.exists(id)))
      await libpod.containers.remove(id, { force: true, volumes: true });
    throw context.program === 'docker' ? asStartError(error) : asRunError(error);
  }
}

async function runAttached(request: Created & { flags: FlagValues; streams: Streams }): Promise<number> {
  const { libpod, id, options, flags, streams, context } = request;
  const tty = options.Config.Tty === true;
  const session = await orForget(request, () => libpod.containers.attach(id));
  if (!streams.stdout && !streams.stderr) context.stdout.write(`${id}\n`);
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<void>();
  const stopProxy =
    flags.bool('sig-proxy') && !tty
      ? proxySignals((signal) => libpod.containers.kill(id, signal), context.stderr, started)
      : undefined;
  const joined = joinSession(session, context, {
    ...streams,
    tty,
    detachKeys: detachKeysOf(flags, context),
  });
  try {
    await orForget(request, () => libpod.containers.start(id));
    hasStarted();
    // Waiting begins before the end: afterwards somebody else may have removed it. The process that started it
    // cleans up behind it, as part of waiting.
    const exit = libpod.containers.wait(id, 'exited');
    if ((await joined) === 'detached') leave();
    return await exit;
  } finally {
    stopProxy?.();
    session.close();
  }
}

async function removeImage(reference: string, context: ToolContext): Promise<void> {
  try {
    await (await context.images()).remove(reference);
  } catch (error) {
    context.stderr.write(`${(error as Error).message}\n`);
  }
}
