import type { CommandEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const rootlessEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['unshare'],
    summary: 'Run a command in a modified user namespace',
    load: async () => (await import('./rootless-commands/unshare.ts')).unshare,
  },
  {
    paths: ['system migrate'],
    summary: 'Migrate containers',
    load: async () => (await import('./rootless-commands/migrate.ts')).migrate,
  },
];
