import { readFileSync } from 'node:fs';
import { BadRequest, messageOf } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseEnvironment } from '../create/environment.ts';
import { joinSession, leave, terminalSize } from '../terminal/session.ts';
import { chooseOne, detachKeysFlag, detachKeysOf, latestFlag } from './selection.ts';
import { withExitCode } from './several.ts';
import { asStartError } from './start-errors.ts';

/** What Podman gives for a container that does not run, beside its error. */
const NOT_RUNNING = 255;

export const exec: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [COMMAND [ARG...]]',
  description: 'Execute the specified command inside a running container.',
  examples: ['exec -it ctrID ls', 'exec -it -w /tmp myCtr pwd', 'exec --user root ctrID ls'],
  interspersed: false,
  flags: [
    flag('bool', 'detach,d', 'Run the exec session in detached mode (backgrounded)'),
    detachKeysFlag,
    flag('stringArray', 'env,e', 'Set environment variables'),
    flag('strings', 'env-file', 'Read in a file of environment variables'),
    flag('bool', 'interactive,i', 'Keep STDIN open even if not attached'),
    flag('uint', 'preserve-fds', 'Pass N additional file descriptors to the container', {
      ...{ refused: 'a command in a running container has only standard streams', acceptedValues: ['0'] },
      tools: ['podman'],
    }),
    flag(
      'bool',
      'privileged',
      'Give the process extended Linux capabilities inside the container.  The default is false',
    ),
    flag('bool', 'tty,t', 'Allocate a pseudo-TTY. The default is false'),
    flag(
      'string',
      'user,u',
      'Sets the username or UID used and optionally the groupname or GID for the specified command',
    ),
    flag('string', 'workdir,w', 'Working directory inside the container'),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest('exec requires the name or ID of a container or the --latest flag');
    const environment = parseEnvironment(flags.strings('env-file'), flags.strings('env'), {
      environment: context.environment,
      readText: (path) => readFileSync(path, 'utf8'),
    });
    const libpod = await context.libpod();
    const { container, rest } = await chooseOne(libpod, flags, args);
    if (rest.length === 0)
      throw new BadRequest('must provide a non-empty command to start an exec session: invalid argument');
    const tty = flags.bool('tty');
    const stdin = flags.bool('interactive');
    try {
      const id = await libpod.containers.exec.create(container, {
        Cmd: [...rest],
        ...{ AttachStdin: stdin, AttachStdout: true, AttachStderr: true, Tty: tty },
        Env: environment,
        ...(flags.string('user') && { User: flags.string('user')! }),
        ...(flags.string('workdir') && { WorkingDir: flags.string('workdir')! }),
        ...(flags.bool('privileged') && { Privileged: true }),
        DetachKeys: detachKeysOf(flags, context),
      });
      if (flags.bool('detach')) {
        await libpod.containers.exec.start(id, { detach: true });
        context.stdout.write(`${id}\n`);
        return 0;
      }
      const size = tty ? terminalSize(context.stdin, context.stdout) : undefined;
      const session = await libpod.containers.exec.start(
        id,
        size === undefined ? {} : { terminalSize: size },
      );
      const ended = await joinSession(session!, context, {
        ...{ tty, stdin, stdout: true, stderr: true, detachKeys: detachKeysOf(flags, context) },
      });
      if (ended === 'detached') leave();
      return await session!.exit;
    } catch (error) {
      if (/state improper|only create exec sessions/.test(messageOf(error)))
        throw withExitCode(error, NOT_RUNNING);
      throw asStartError(error);
    }
  },
};
