import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

const commands = () => import('./secret-commands/commands.ts');

export const secretEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['secret create'],
    summary: 'Create a new secret',
    load: async () => (await import('./secret-commands/create.ts')).create,
  },
  {
    paths: ['secret exists'],
    summary: 'Check if a secret exists',
    load: async () => (await commands()).exists,
  },
  { paths: ['secret inspect'], summary: 'Inspect a secret', load: async () => (await commands()).inspect },
  {
    paths: ['secret ls'],
    aliases: ['secret list'],
    summary: 'List secrets',
    load: async () => (await commands()).ls,
  },
  {
    paths: ['secret rm'],
    aliases: ['secret remove'],
    summary: 'Remove one or more secrets',
    load: async () => (await commands()).rm,
  },
];

export const secretGroups: readonly GroupEntry[] = [
  { path: 'secret', summary: 'Manage secrets', description: 'Manage secrets' },
];
