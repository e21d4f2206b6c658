import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { openBuilder } from '../../../engine/index.ts';
import { type CommandDefinition, flag, noArgs, refusedFlag } from '../../grammar/index.ts';
import type { ToolContext } from '../context.ts';

export const builderPrune: CommandDefinition<ToolContext> = {
  usage: '[options]',
  description:
    'Forgets the steps that builds would find again, and the folders of RUN --mount=type=cache. Layers that images use stay.',
  examples: ['builder prune -f'],
  flags: [
    flag('bool', 'all,a', 'Remove all unused build cache, not just dangling ones'),
    flag('bool', 'force,f', 'Do not prompt for confirmation'),
    refusedFlag('stringArray', 'filter', 'Provide filter values', 'the cache goes as a whole'),
  ],
  args: noArgs,
  run: async ({ flags }, context) => {
    if (!flags.bool('force') && !(await confirmed(context))) return 0;
    const builder = await openBuilder({
      directory: join(context.root, 'engine'),
      images: await context.images(),
    });
    const { reclaimedBytes } = await builder.prune();
    context.stdout.write(`Total reclaimed space: ${reclaimedBytes}B\n`);
    return 0;
  },
};

async function confirmed({ stdin, stdout }: ToolContext): Promise<boolean> {
  const lines = createInterface({ input: stdin, output: stdout });
  try {
    const answer = await lines.question(
      'WARNING! This will remove all build cache.\nAre you sure you want to continue? [y/N] ',
    );
    return /^y/i.test(answer);
  } finally {
    lines.close();
  }
}
