import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const buildEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['build', 'image build'],
    aliases: ['buildx build', 'builder build'],
    summary: 'Build an image using instructions from Containerfiles',
    load: async () => (await import('./build-commands/build.ts')).build,
  },
  {
    paths: ['builder prune'],
    aliases: ['buildx prune'],
    summary: 'Forget what builds would find again',
    load: async () => (await import('./build-commands/builder-prune.ts')).builderPrune,
  },
];

export const buildGroups: readonly GroupEntry[] = [
  { path: 'builder', aliases: ['buildx'], summary: 'Build images', description: 'Build images' },
];
