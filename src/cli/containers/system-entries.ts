import type { CommandDefinition, CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

type Load = () => Promise<CommandDefinition<ToolContext>>;

const upkeep = () => import('./system-commands/upkeep.ts');

function system(name: string, summary: string, load: Load, hidden = false): CommandEntry<ToolContext> {
  return { paths: [`system ${name}`], summary, load, ...(hidden && { hidden }) };
}

export const systemEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['events', 'system events'],
    summary: 'Show podman events',
    load: async () => (await import('./system-commands/events.ts')).events,
  },
  {
    paths: ['info', 'system info'],
    summary: 'Display podman system information',
    load: async () => (await import('./system-commands/info.ts')).info,
  },
  {
    paths: ['version'],
    summary: 'Display the Podman version information',
    load: async () => (await import('./system-commands/version.ts')).version,
  },
  system('df', 'Show podman disk usage', async () => (await import('./system-commands/df.ts')).df),
  system('prune', 'Remove unused data', async () => (await upkeep()).prune),
  system('reset', 'Reset podman storage', async () => (await upkeep()).reset),
  system('check', 'Give back what killed processes have left', async () => (await upkeep()).check),
  system('boot', 'Start what is to run after a reboot', async () => (await upkeep()).boot),
  system('renumber', 'Migrate lock numbers', async () => (await upkeep()).renumber),
  system('resume', 'Go on with restarts', async () => (await upkeep()).resume, true),
];

export const systemGroups: readonly GroupEntry[] = [
  {
    path: 'system',
    summary: 'Manage the container tool',
    description: 'What concerns all of its containers, images and volumes, and its API.',
  },
];
