import type { ContainerListEntry, Libpod } from '../../../libpod/index.ts';
import type { CommandDefinition, Flag, FlagValues } from '../../grammar/index.ts';
import { anyArgs, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { parseSignal } from '../create/signals.ts';
import { checkSelection, choose, cidFileFlag, filterFlag, latestFlag } from './selection.ts';
import { forEachNamed } from './several.ts';

interface Verb {
  description: string;
  examples: readonly string[];
  flags: readonly Flag[];
  /** What `--all` means. */
  isMeant: (container: ContainerListEntry, flags: FlagValues) => boolean;
  check?: (flags: FlagValues) => void;
  work: (libpod: Libpod, id: string, flags: FlagValues, context: ToolContext) => Promise<void>;
}

/** A command that does one thing to each of several containers and prints what each was called. */
function verb({ description, examples, flags, isMeant, check, work }: Verb): CommandDefinition<ToolContext> {
  return {
    usage: '[options] CONTAINER [CONTAINER...]',
    description,
    examples,
    flags: [...flags, latestFlag],
    args: anyArgs,
    run: async ({ args, flags: given }, context) => {
      checkSelection(given, args);
      check?.(given);
      const libpod = await context.libpod();
      const chosen = await choose(libpod, given, args, (one) => isMeant(one, given));
      await forEachNamed(context, chosen, async ({ id, shown }) => {
        await work(libpod, id, given, context);
        context.stdout.write(`${shown}\n`);
      });
      return 0;
    },
  };
}

const isRunning = ({ status }: ContainerListEntry) => status === 'running' || status === 'stopping';
const timeFlag = flag('uint', 'time,t', 'Seconds to wait for stop before killing the container', {
  default: 10,
  aliases: ['timeout'],
});
const allFlag = (help: string) => flag('bool', 'all,a', help, { tools: ['podman'] });
const timeOf = (flags: FlagValues) =>
  flags.changed('time') ? { timeoutSeconds: flags.number('time')! } : {};

export const stop = verb({
  description:
    'Stops one or more running containers.  The container name or ID can be used.\n\nA timeout to forcibly stop the container can also be set but defaults to 10 seconds otherwise.',
  examples: ['stop ctrID', 'stop --latest', 'stop --time 2 mywebserver 6e534f14da9d'],
  flags: [
    allFlag('Stop all running containers'),
    flag('bool', 'ignore,i', 'Ignore errors when a specified container is missing', { tools: ['podman'] }),
    flag('string', 'signal,s', 'Signal to send to the container', { tools: ['docker'] }),
    ...[cidFileFlag, timeFlag, filterFlag],
  ],
  isMeant: ({ status }) => ['running', 'paused', 'stopping', 'restarting'].includes(status),
  check: (flags) => void (flags.changed('signal') && parseSignal(flags.string('signal')!)),
  work: async (libpod, id, flags, { stderr }) => {
    const { warnings } = await libpod.containers.stop(id, {
      ...timeOf(flags),
      ...(flags.changed('signal') && { signal: parseSignal(flags.string('signal')!) }),
    });
    for (const warning of warnings) stderr.write(`${warning}\n`);
  },
});

export const restart = verb({
  description:
    'Restarts one or more running containers. The container ID or name can be used.\n\nA timeout before forcibly stopping can be set, but defaults to 10 seconds.',
  examples: ['restart ctrID', 'restart --latest', 'restart ctrID1 ctrID2'],
  flags: [
    allFlag('Restart all non-running containers'),
    flag('bool', 'running', 'Restart only running containers', { tools: ['podman'] }),
    flag('string', 'signal,s', 'Signal to send to the container', { tools: ['docker'] }),
    ...[cidFileFlag, timeFlag, filterFlag],
  ],
  isMeant: (container, flags) => !flags.bool('running') || isRunning(container),
  work: (libpod, id, flags) =>
    libpod.containers.restart(id, {
      ...timeOf(flags),
      ...(flags.changed('signal') && { signal: parseSignal(flags.string('signal')!) }),
    }),
});

export const kill = verb({
  description:
    'The main process inside each container specified will be sent SIGKILL, or any signal specified with option --signal.',
  examples: ['kill mywebserver', 'kill 860a4b23', 'kill --signal TERM ctrID'],
  flags: [
    allFlag('Signal all running containers'),
    flag('string', 'signal,s', 'Signal to send to the container', { default: 'KILL' }),
    cidFileFlag,
  ],
  isMeant: isRunning,
  check: (flags) => void parseSignal(flags.string('signal')!),
  work: (libpod, id, flags) => libpod.containers.kill(id, parseSignal(flags.string('signal')!)),
});

export const pause = verb({
  description: 'Pauses one or more running containers.  The container name or ID can be used.',
  examples: ['pause mywebserver', 'pause 860a4b23', 'pause --all'],
  flags: [allFlag('Pause all running containers'), cidFileFlag, filterFlag],
  isMeant: isRunning,
  work: (libpod, id) => libpod.containers.pause(id),
});

export const unpause = verb({
  description: 'Unpauses one or more previously paused containers.  The container name or ID can be used.',
  examples: ['unpause ctrID', 'unpause --all'],
  flags: [allFlag('Unpause all paused containers'), cidFileFlag, filterFlag],
  isMeant: ({ status }) => status === 'paused',
  work: (libpod, id) => libpod.containers.unpause(id),
});

export const init = verb({
  description:
    'Initialize one or more containers, creating the OCI spec and mounts for inspection. Container names or IDs can be used.',
  examples: ['init --latest', 'init 3c45ef19d893', 'init test1'],
  flags: [allFlag('Initialize all containers')],
  isMeant: ({ status }) => status === 'created' || status === 'exited',
  work: (libpod, id) => libpod.containers.init(id),
});
