import { BadRequest, messageOf, NotFound, parseGoDurationMs } from '../../../base/index.ts';
import type { Libpod, WaitCondition } from '../../../libpod/index.ts';
import { anyArgs, type CommandDefinition, flag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';
import { choose, latestFlag } from './selection.ts';

const CONDITIONS: readonly WaitCondition[] = [
  ...(['configured', 'created', 'running', 'paused', 'stopped', 'exited', 'removed'] as const),
  ...(['not-running', 'next-exit'] as const),
];

/** Its cleanup may have failed: the exit code is told all the same. */
const LONGEST_REMOVAL_MS = 10_000;

export const wait: CommandDefinition<ToolContext> = {
  usage: '[options] CONTAINER [CONTAINER...]',
  description: 'Block until one or more containers stop and then print their exit codes.',
  examples: ['wait --interval 5s ctrID', 'wait ctrID1 ctrID2'],
  flags: [
    flag('strings', 'condition', 'Condition to wait on', { tools: ['podman'] }),
    flag('string', 'interval,i', 'Time Interval to wait before polling for completion', {
      ...{ default: '250ms', tools: ['podman'] },
    }),
    latestFlag,
  ],
  args: anyArgs,
  run: async ({ args, flags, program, path }, context) => {
    const interval = flags.string('interval')!;
    if ((parseGoDurationMs(interval) ?? parseGoDurationMs(`${interval}ms`)) === undefined)
      throw new BadRequest(`time: invalid duration ${JSON.stringify(interval)}`);
    if (!flags.bool('latest') && args.length === 0)
      throw new BadRequest(
        `${JSON.stringify(`${program} ${path}`)} requires a name, id, or the "--latest" flag`,
      );
    if (flags.bool('latest') && args.length > 0)
      throw new BadRequest('--latest and containers cannot be used together');
    const conditions = flags.strings('condition');
    for (const one of conditions)
      if (!CONDITIONS.includes(one as WaitCondition))
        throw new BadRequest(`unknown container state: ${one}: invalid argument`);
    const libpod = await context.libpod();
    const chosen = await choose(libpod, flags, args);
    const results = await Promise.allSettled(
      chosen.map(({ id }) =>
        Promise.race(
          (conditions.length === 0 ? ['not-running'] : conditions).map((condition) =>
            waitFor(libpod, id, condition as WaitCondition),
          ),
        ),
      ),
    );
    const errors: unknown[] = [];
    for (const result of results) {
      if (result.status === 'fulfilled') context.stdout.write(`${result.value}\n`);
      else errors.push(result.reason);
    }
    for (const error of errors.slice(0, -1)) context.stderr.write(`Error: ${messageOf(error)}\n`);
    if (errors.length > 0) throw errors.at(-1);
    return 0;
  },
};

/** Who waits for the end of one that removes itself finds it gone afterwards, as with Podman. */
async function waitFor({ containers }: Libpod, id: string, condition: WaitCondition): Promise<number> {
  const exitCode = await containers.wait(id, condition);
  if (!['exited', 'stopped', 'not-running'].includes(condition)) return exitCode;
  const late = AbortSignal.timeout(LONGEST_REMOVAL_MS);
  try {
    const { hostConfig, status } = await containers.inspect(id);
    if (hostConfig.AutoRemove && status !== 'created') await containers.wait(id, 'removed', late);
  } catch (error) {
    if (!(error instanceof NotFound) && !late.aborted) throw error;
  }
  return exitCode;
}
