import type { CommandDefinition, CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

type Load = () => Promise<CommandDefinition<ToolContext>>;

/** A command of containers: at the top and in the group. */
function both(name: string, summary: string, load: Load): CommandEntry<ToolContext> {
  return { paths: [name, `container ${name}`], summary, load };
}

const lifecycle = () => import('./container-commands/lifecycle.ts');

export const containerEntries: readonly CommandEntry<ToolContext>[] = [
  both(
    'run',
    'Run a command in a new container',
    async () => (await import('./container-commands/run.ts')).run,
  ),
  both(
    'create',
    'Create but do not start a container',
    async () => (await import('./container-commands/create.ts')).create,
  ),
  both('stop', 'Stop one or more containers', async () => (await lifecycle()).stop),
  both('restart', 'Restart one or more containers', async () => (await lifecycle()).restart),
  both(
    'kill',
    'Kill one or more running containers with a specific signal',
    async () => (await lifecycle()).kill,
  ),
  both('pause', 'Pause all the processes in one or more containers', async () => (await lifecycle()).pause),
  both('unpause', 'Unpause the processes in one or more containers', async () => (await lifecycle()).unpause),
  both('init', 'Initialize one or more containers', async () => (await lifecycle()).init),
  both('rm', 'Remove one or more containers', async () => (await import('./container-commands/rm.ts')).rm),
  both(
    'wait',
    'Block on one or more containers',
    async () => (await import('./container-commands/wait.ts')).wait,
  ),
];

export const containerGroups: readonly GroupEntry[] = [
  { path: 'container', summary: 'Manage containers', description: 'Manage containers' },
];
