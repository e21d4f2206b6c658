import type { CommandDefinition, CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

function pod(
  name: string,
  summary: string,
  load: () => Promise<CommandDefinition<ToolContext>>,
  aliases: readonly string[] = [],
): CommandEntry<ToolContext> {
  return { paths: [`pod ${name}`], aliases: aliases.map((alias) => `pod ${alias}`), summary, load };
}

const lifecycle = () => import('./pod-commands/lifecycle.ts');
const inside = () => import('./pod-commands/inside.ts');

export const podEntries: readonly CommandEntry<ToolContext>[] = [
  pod('create', 'Create a new empty pod', async () => (await import('./pod-commands/create.ts')).create),
  pod('start', 'Start one or more pods', async () => (await lifecycle()).start),
  pod('stop', 'Stop one or more pods', async () => (await lifecycle()).stop),
  pod('restart', 'Restart one or more pods', async () => (await lifecycle()).restart),
  pod(
    'kill',
    'Send the specified signal or SIGKILL to containers in pod',
    async () => (await lifecycle()).kill,
  ),
  pod('pause', 'Pause one or more pods', async () => (await lifecycle()).pause),
  pod('unpause', 'Unpause one or more pods', async () => (await lifecycle()).unpause),
  pod('rm', 'Remove one or more pods', async () => (await lifecycle()).rm),
  pod('exists', 'Check if a pod exists in local storage', async () => (await lifecycle()).exists),
  pod('prune', 'Remove all stopped pods and their containers', async () => (await lifecycle()).prune),
  pod('ps', 'List pods', async () => (await import('./pod-commands/ps.ts')).ps, ['ls', 'list']),
  pod(
    'inspect',
    'Displays a pod configuration',
    async () => (await import('./pod-commands/inspect.ts')).inspect,
  ),
  pod('top', 'Display the running processes of containers in a pod', async () => (await inside()).top),
  pod('logs', 'Fetch logs for pod with one or more containers', async () => (await inside()).logs),
  pod(
    'stats',
    'Display a live stream of resource usage statistics for the containers in one or more pods',
    async () => (await import('./pod-commands/stats.ts')).stats,
  ),
  pod('clone', 'Clone an existing pod', async () => (await lifecycle()).clone),
];

export const podGroups: readonly GroupEntry[] = [
  {
    path: 'pod',
    summary: 'Manage pods',
    description:
      'Pods are a group of one or more containers sharing the same network, pid and ipc namespaces.',
  },
];
