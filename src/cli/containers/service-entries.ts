import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const serviceEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['system service'],
    summary: "Serve Docker's API on a socket",
    load: async () => (await import('./service-command.ts')).serviceCommand,
  },
  {
    paths: ['system connection list'],
    aliases: ['system connection ls'],
    summary: 'List destinations of remote clients',
    load: async () => (await import('./connection-commands.ts')).connectionList,
  },
  ...['add', 'default', 'remove', 'rename'].map(
    (verb): CommandEntry<ToolContext> => ({
      paths: [`system connection ${verb}`],
      ...(verb === 'remove' && { aliases: ['system connection rm'] }),
      summary: 'Refused: there is no remote client',
      hidden: true,
      load: async () => (await import('./connection-commands.ts')).connectionRefused,
    }),
  ),
];

export const serviceGroups: readonly GroupEntry[] = [
  {
    path: 'system connection',
    summary: 'Destinations of remote clients',
    description: 'Destinations of remote clients: there are none, every command works on its own host.',
  },
];
