import { Conflict, NotFound } from '../../../base/index.ts';
import type { Libpod } from '../../../libpod/index.ts';
import {
  anyArgs,
  type CommandDefinition,
  exactArgs,
  type FlagValues,
  flag,
  noArgs,
} from '../../grammar/index.ts';
import { confirm } from '../container-commands/confirm.ts';
import { forEachNamed, withExitCode } from '../container-commands/several.ts';
import type { ToolContext } from '../context.ts';
import { parseSignal } from '../create/signals.ts';
import { choosePods, ignoreFlag, latestPodFlag, podIdFileFlag, timeFlag } from './selection.ts';

interface PodVerb {
  verb: string;
  description: string;
  flags: CommandDefinition<ToolContext>['flags'];
  check?: (flags: FlagValues) => void;
  act: (libpod: Libpod, pod: string, flags: FlagValues) => Promise<string>;
}

/** A command that does one thing with each of several pods and prints their ids. */
function forPods({ verb, description, flags, check, act }: PodVerb): CommandDefinition<ToolContext> {
  return {
    usage: '[options] POD [POD...]',
    description,
    examples: [`pod ${verb} podID`, `pod ${verb} --latest`, `pod ${verb} --all`],
    flags: [
      flag('bool', 'all,a', `${verb[0]!.toUpperCase()}${verb.slice(1)} all pods`),
      latestPodFlag,
      ...flags,
    ],
    args: anyArgs,
    run: async (invocation, context) => {
      check?.(invocation.flags);
      const libpod = await context.libpod();
      const chosen = await choosePods(libpod, invocation.flags, invocation.args);
      await forEachNamed(context, chosen, async ({ id }) => {
        context.stdout.write(`${await act(libpod, id, invocation.flags)}\n`);
      });
      return 0;
    },
  };
}

const timeoutOf = (flags: FlagValues) =>
  flags.changed('time') ? { timeoutSeconds: flags.number('time')! } : {};

export const start = forPods({
  verb: 'start',
  description: 'The pod name or ID can be used.\n\nAll containers defined in the pod will be started.',
  flags: [podIdFileFlag],
  act: (libpod, pod) => libpod.pods.start(pod),
});

export const stop = forPods({
  verb: 'stop',
  description:
    'The pod name or ID can be used.\n\nThis command will stop all running containers in each of the specified pods.',
  flags: [ignoreFlag, timeFlag, podIdFileFlag],
  act: (libpod, pod, flags) => libpod.pods.stop(pod, timeoutOf(flags)),
});

export const restart = forPods({
  verb: 'restart',
  description:
    'The pod ID or name can be used.\n\nAll of the containers within each of the specified pods will be restarted. If a container in a pod is not currently running it will be started.',
  flags: [],
  act: (libpod, pod) => libpod.pods.restart(pod),
});

export const kill = forPods({
  verb: 'kill',
  description: 'Signals are sent to the main process of each container inside the specified pod.',
  flags: [flag('string', 'signal,s', 'Signal to send to the containers in the pod', { default: 'KILL' })],
  check: (flags) => void parseSignal(flags.string('signal')!),
  act: (libpod, pod, flags) => libpod.pods.kill(pod, parseSignal(flags.string('signal')!)),
});

export const pause = forPods({
  verb: 'pause',
  description:
    'The pod name or ID can be used.\n\nAll running containers within each specified pod will then be paused.',
  flags: [],
  act: (libpod, pod) => libpod.pods.pause(pod),
});

export const unpause = forPods({
  verb: 'unpause',
  description: 'The podman unpause command will unpause all "paused" containers assigned to the pod.',
  flags: [],
  act: (libpod, pod) => libpod.pods.unpause(pod),
});

export const rm: CommandDefinition<ToolContext> = {
  usage: '[options] POD [POD...]',
  description:
    'podman rm will remove one or more stopped pods and their containers from the host.\n\nThe pod name or ID can be used. A pod with running or attached containers will not be removed unless the --force option is given.',
  examples: ['pod rm mywebserverpod', 'pod rm -f 860a4b23', 'pod rm -f -a'],
  flags: [
    flag('bool', 'all,a', 'Remove all running pods'),
    flag(
      'bool',
      'force,f',
      'Force removal of a running pod by first stopping all containers, then removing all containers in the pod',
    ),
    ...[ignoreFlag, timeFlag, podIdFileFlag, latestPodFlag],
  ],
  args: anyArgs,
  run: async ({ flags, args }, context) => {
    if (flags.changed('time') && !flags.bool('force'))
      throw new Conflict('--force option must be specified to use the --time option');
    const libpod = await context.libpod();
    try {
      const chosen = await choosePods(libpod, flags, args);
      await forEachNamed(context, chosen, async ({ id }) => {
        // With --all another process may have been faster.
        if (flags.bool('all') && !(await libpod.pods.exists(id))) return;
        const removed = await libpod.pods.remove(id, { force: flags.bool('force'), ...timeoutOf(flags) });
        context.stdout.write(`${removed}\n`);
      });
    } catch (error) {
      // podman-pod-rm(1), "Exit Status"
      throw error instanceof NotFound ? withExitCode(error, 1) : error;
    }
    return 0;
  },
};

export const exists: CommandDefinition<ToolContext> = {
  usage: 'POD',
  description:
    'If the named pod exists in local storage, podman pod exists exits with 0, otherwise the exit code will be 1.',
  examples: ['pod exists podID', 'pod exists mypod || podman pod create --name mypod'],
  flags: [],
  args: exactArgs(1),
  run: async ({ args }, context) => ((await (await context.libpod()).pods.exists(args[0]!)) ? 0 : 1),
};

export const prune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description: 'podman pod prune Removes all exited pods',
  examples: ['pod prune'],
  flags: [flag('bool', 'force,f', 'Do not prompt for confirmation.  The default is false')],
  args: noArgs,
  run: async ({ flags }, context) => {
    if (!flags.bool('force')) {
      context.stdout.write('WARNING! This will remove all stopped/exited pods..\n');
      if (!(await confirm(context))) return 0;
    }
    for (const id of await (await context.libpod()).pods.prune()) context.stdout.write(`${id}\n`);
    return 0;
  },
};

export const clone: CommandDefinition<ToolContext> = {
  usage: 'POD NAME',
  description: 'Create an exact copy of a pod and the containers within it',
  flags: [],
  args: exactArgs(2),
  run: async ({ program }) => {
    throw new Conflict(
      `${program} pod clone is not supported: write the pod with '${program} kube generate', change its name and play it with '${program} kube play'`,
    );
  },
};
