import { BadRequest, messageOf, OrreryError } from '../../../base/index.ts';
import type { Libpod } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, type FlagValues, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { joinSession, leave, proxySignals } from '../terminal/session.ts';
import { choose, detachKeysFlag, detachKeysOf, filterFlag, latestFlag } from './selection.ts';
import { forEachNamed } from './several.ts';
import { asStartError } from './start-errors.ts';

export const start: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description: 'Starts one or more containers.  The container name or ID can be used.',
  examples: ['start --latest', 'start 860a4b231279 5421ab43b45', 'start --interactive --attach imageID'],
  flags: [
    flag('bool', 'attach,a', "Attach container's STDOUT and STDERR"),
    detachKeysFlag,
    flag('bool', 'interactive,i', 'Keep STDIN open even if not attached'),
    flag(
      'bool',
      'sig-proxy',
      'Proxy received signals to the process (default true if attaching, false otherwise)',
    ),
    filterFlag,
    flag('bool', 'all', 'Start all containers regardless of their state or configuration', {
      tools: ['podman'],
    }),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    check(flags, args);
    const libpod = await context.libpod();
    const chosen = await choose(libpod, flags, args, ({ status }) => status !== 'running');
    if (flags.bool('attach') && chosen[0] !== undefined)
      return await startAttached(chosen[0].id, flags, context);
    await forEachNamed(context, chosen, async ({ id, shown }) => {
      try {
        await libpod.containers.start(id);
      } catch (error) {
        await removeIfAsked(libpod, id);
        throw new OrreryError(
          'ContainerStartFailed',
          `unable to start container "${id}": ${messageOf(error)}`,
          {
            cause: error,
          },
        );
      }
      context.stdout.write(`${shown}\n`);
    });
    return 0;
  },
};

/** One that removes itself does so too when it does not start. */
async function removeIfAsked({ containers }: Libpod, id: string): Promise<void> {
  const { hostConfig } = await containers.inspect(id);
  if (hostConfig.AutoRemove) await containers.remove(id, { force: true, volumes: true });
}

function check(flags: FlagValues, args: readonly string[]): void {
  const refuse = (message: string): never => {
    throw new BadRequest(message);
  };
  const isAll = flags.bool('all');
  const isLatest = flags.bool('latest');
  if (args.length === 0 && !isLatest && !isAll && !flags.changed('filter'))
    refuse('start requires at least one argument');
  if (isAll && isLatest) refuse('--all and --latest cannot be used together');
  if (args.length > 0 && isLatest) refuse('--latest and containers cannot be used together');
  if (args.length > 1 && flags.bool('attach'))
    refuse('you cannot start and attach multiple containers at once');
  if (args.length > 0 && isAll)
    refuse('either start all containers or the container(s) provided in the arguments');
  if (flags.bool('attach') && isAll) refuse('you cannot start and attach all containers at once');
  if (flags.changed('sig-proxy') && flags.bool('sig-proxy') && !flags.bool('attach'))
    refuse('you cannot use sig-proxy without --attach: invalid argument');
}

async function startAttached(id: string, flags: FlagValues, context: ToolContext): Promise<number> {
  const { containers } = await context.libpod();
  const { config, status } = await containers.inspect(id);
  const tty = config.Tty === true;
  const session = await containers.attach(id);
  const isProxied = flags.changed('sig-proxy') ? flags.bool('sig-proxy') : !tty;
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<void>();
  const stopProxy = isProxied
    ? proxySignals((signal) => containers.kill(id, signal), context.stderr, started)
    : undefined;
  const joined = joinSession(session, context, {
    ...{ tty, stdin: flags.bool('interactive'), stdout: true, stderr: true },
    detachKeys: detachKeysOf(flags, context),
  });
  try {
    if (status !== 'running') await containers.start(id);
    hasStarted();
    const exit = containers.wait(id, 'exited');
    if ((await joined) === 'detached') leave();
    return await exit;
  } catch (error) {
    throw asStartError(error);
  } finally {
    stopProxy?.();
    session.close();
  }
}
