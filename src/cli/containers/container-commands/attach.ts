import { BadRequest, Conflict } from '../../../base/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { joinSession, leave, proxySignals } from '../terminal/session.ts';
import { chooseOne, detachKeysFlag, detachKeysOf, latestFlag } from './selection.ts';

export const attach: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER',
  description:
    "The attach command allows you to attach to a running container using the container's ID or name, either to view its ongoing output or to control it interactively.",
  examples: ['attach ctrID', 'attach 1234', 'attach --no-stdin foobar'],
  flags: [
    detachKeysFlag,
    flag('bool', 'no-stdin', 'Do not attach STDIN. The default is false'),
    flag('bool', 'sig-proxy', 'Proxy received signals to the process', { default: true }),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags, program, path }, context) => {
    if (args.length > 1) throw new BadRequest(`\`${program} ${path}\` accepts at most one argument`);
    if (flags.bool('latest') && args.length > 0)
      throw new BadRequest('--latest and containers cannot be used together');
    if (args.length === 0 && !flags.bool('latest'))
      throw new BadRequest(
        `${JSON.stringify(`${program} ${path}`)} requires a name, id, or the "--latest" flag`,
      );
    const libpod = await context.libpod();
    const { container } = await chooseOne(libpod, flags, args);
    const { id, status, config } = await libpod.containers.inspect(container);
    if (status !== 'running') throw new Conflict('you can only attach to running containers');
    const tty = config.Tty === true;
    const exit = libpod.containers.wait(id, 'exited');
    const session = await libpod.containers.attach(id);
    const stopProxy =
      flags.bool('sig-proxy') && !tty
        ? proxySignals((signal) => libpod.containers.kill(id, signal), context.stderr)
        : undefined;
    try {
      const ended = await joinSession(session, context, {
        ...{ tty, stdin: !flags.bool('no-stdin'), stdout: true, stderr: true },
        detachKeys: detachKeysOf(flags, context),
      });
      if (ended === 'detached') leave();
      return await exit;
    } finally {
      stopProxy?.();
      session.close();
    }
  },
};
