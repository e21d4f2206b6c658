import { BadRequest, Conflict, messageOf, NotFound } from '../../../base/index.ts';
import type { Libpod } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, type FlagValues, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { type Chosen, checkSelection, choose, cidFileFlag, latestFlag, namesOf } from './selection.ts';
import { forEachNamed, withExitCode } from './several.ts';

/** podman-rm(1), "Exit Status": 1 when a container did not exist, 2 when one was running or paused. */
const NOT_THERE = 1;
const IN_USE = 2;

export const rm: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description:
    'Removes one or more containers from the host. The container name or ID can be used.\n\nCommand does not remove images. Running or unusable containers will not be removed without the -f option.',
  examples: ['rm ctrID', 'rm mywebserver myflaskserver 860a4b23', 'rm --force --all', 'rm -f ctrID'],
  flags: [
    flag('bool', 'all,a', 'Remove all containers', { tools: ['podman'] }),
    flag('bool', 'ignore,i', 'Ignore errors when a specified container is missing', { tools: ['podman'] }),
    flag('bool', 'force,f', 'Force removal of a running or unusable container'),
    flag('bool', 'depend', 'Remove container and all containers that depend on the selected container', {
      tools: ['podman'],
    }),
    flag('uint', 'time,t', 'Seconds to wait for stop before killing the container', {
      ...{ default: 10, aliases: ['timeout'], tools: ['podman'] },
    }),
    flag('bool', 'volumes,v', 'Remove anonymous volumes associated with the container'),
    flag('strings', 'filter', 'Filter output based on conditions given', { tools: ['podman'] }),
    flag('bool', 'storage', 'Remove container from storage library', { hidden: true }),
    flag('bool', 'link', 'Remove the specified link', {
      ...{ refused: 'there are no links between containers', tools: ['docker'] },
    }),
    ...[cidFileFlag, latestFlag],
  ],
  args: anyArgs,
  run: async ({ args, flags }, context) => {
    checkSelection(flags, args);
    if (flags.changed('time') && !flags.bool('force'))
      throw new BadRequest('--force option must be specified to use the --time option');
    await removeChosen(await chosenOf(context, flags, args), flags, context);
    return 0;
  },
};

/** Names that are nobody's stay in the list: each gets its own error, and the others go. */
async function chosenOf(context: ToolContext, flags: FlagValues, args: readonly string[]): Promise<Chosen[]> {
  const libpod = await context.libpod();
  const isByName = !flags.bool('all') && !flags.bool('latest') && !flags.changed('filter');
  if (!isByName) return await choose(libpod, flags, args);
  return namesOf(flags, args).map((shown) => ({ id: shown, shown }));
}

async function removeChosen(chosen: Chosen[], flags: FlagValues, context: ToolContext): Promise<void> {
  const libpod = await context.libpod();
  let exitCode: number | undefined;
  const isAll = flags.bool('all');
  try {
    await forEachNamed(context, chosen, async ({ id, shown }) => {
      try {
        if (isAll && !(await libpod.containers.exists(id))) return;
        const others = flags.bool('depend')
          ? await dependentsOf(libpod, await libpod.containers.idOf(id))
          : [];
        await libpod.containers.remove(id, {
          force: flags.bool('force'),
          volumes: flags.bool('volumes'),
          depend: flags.bool('depend') || isAll,
          ...(flags.changed('time') && { timeoutSeconds: flags.number('time')! }),
        });
        context.stdout.write([...others, shown].map((one) => `${one}\n`).join(''));
      } catch (error) {
        const isMissing = error instanceof NotFound;
        if (isMissing && (flags.bool('force') || flags.bool('ignore'))) return;
        if (isMissing) exitCode = NOT_THERE;
        else if (
          error instanceof Conflict &&
          exitCode === undefined &&
          /state|running|paused/.test(messageOf(error))
        )
          exitCode = IN_USE;
        throw error;
      }
    });
  } catch (error) {
    throw exitCode === undefined ? error : withExitCode(error, exitCode);
  }
}

/** Containers that go with it: those that depend on it, and on them; the last first. */
async function dependentsOf(libpod: Libpod, id: string): Promise<string[]> {
  const all = await libpod.containers.list({ all: true });
  const needs = new Map<string, string[]>();
  for (const one of all) needs.set(one.id, (await libpod.containers.inspect(one.id)).dependencies);
  const found = new Set<string>();
  const visit = (needed: string): void => {
    for (const [other, dependencies] of needs)
      if (dependencies.includes(needed) && !found.has(other)) {
        visit(other);
        found.add(other);
      }
  };
  visit(id);
  return [...found];
}
