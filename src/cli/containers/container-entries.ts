import type { CommandDefinition, CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

type Load = () => Promise<CommandDefinition<ToolContext>>;

/** A command of containers: at the top and in the group. */
function both(name: string, summary: string, load: Load): CommandEntry<ToolContext> {
  return { paths: [name, `container ${name}`], summary, load };
}

const small = () => import('./container-commands/small.ts');
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
  both(
    'start',
    'Start one or more containers',
    async () => (await import('./container-commands/start.ts')).start,
  ),
  both(
    'attach',
    'Attach to a running container',
    async () => (await import('./container-commands/attach.ts')).attach,
  ),
  both(
    'exec',
    'Run a process in a running container',
    async () => (await import('./container-commands/exec.ts')).exec,
  ),
  both(
    'logs',
    'Fetch the logs of one or more containers',
    async () => (await import('./container-commands/logs.ts')).logs,
  ),
  {
    paths: ['ps', 'container list', 'container ps'],
    aliases: ['container ls'],
    summary: 'List containers',
    load: async () => (await import('./container-commands/ps.ts')).ps,
  },
  {
    paths: ['inspect'],
    summary: 'Display the configuration of object denoted by ID',
    load: async () => (await import('./inspect/inspect.ts')).inspect,
  },
  {
    paths: ['container inspect'],
    summary: 'Display the configuration of a container',
    load: async () => (await import('./inspect/inspect.ts')).containerInspect,
  },
  both(
    'top',
    'Display the running processes of a container',
    async () => (await import('./container-commands/top.ts')).top,
  ),
  both(
    'stats',
    'Display a live stream of container resource usage statistics',
    async () => (await import('./container-commands/stats.ts')).stats,
  ),
  both(
    'port',
    'List port mappings or a specific mapping for the container',
    async () => (await small()).port,
  ),
  both('rename', 'Rename an existing container', async () => (await small()).rename),
  both(
    'update',
    'update an existing container',
    async () => (await import('./container-commands/update.ts')).update,
  ),
  {
    paths: ['container clone'],
    summary: 'Clone an existing container',
    load: async () => (await import('./container-commands/clone.ts')).clone,
  },
  both(
    'cp',
    'Copy files/folders between a container and the local filesystem',
    async () => (await import('./container-commands/cp.ts')).cp,
  ),
  both(
    'diff',
    "Inspect changes to the container's file systems",
    async () => (await import('./container-commands/changes.ts')).diff,
  ),
  both(
    'commit',
    'Create new image based on the changed container',
    async () => (await import('./container-commands/changes.ts')).commit,
  ),
  both(
    'export',
    "Export container's filesystem contents as a tar archive",
    async () => (await import('./container-commands/changes.ts')).exportRoot,
  ),
  both(
    'mount',
    "Mount a working container's root filesystem",
    async () => (await import('./container-commands/mounts.ts')).mount,
  ),
  {
    paths: ['unmount', 'container unmount'],
    aliases: ['umount', 'container umount'],
    summary: "Unmounts working container's root filesystem",
    load: async () => (await import('./container-commands/mounts.ts')).unmount,
  },
  {
    paths: ['container prune'],
    summary: 'Remove all non running containers',
    load: async () => (await small()).prune,
  },
  {
    paths: ['container exists'],
    summary: 'Check if a container exists in local storage',
    load: async () => (await small()).exists,
  },
  {
    paths: ['container cleanup'],
    summary: 'Clean up network and mountpoints of one or more containers',
    load: async () => (await small()).cleanup,
  },
  {
    paths: ['container checkpoint'],
    summary: 'Checkpoints one or more containers',
    load: async () => (await small()).checkpoint,
  },
  {
    paths: ['container restore'],
    summary: 'Restores one or more containers from a checkpoint',
    load: async () => (await small()).restore,
  },
  {
    paths: ['container runlabel'],
    summary: 'Execute the command described by an image label',
    load: async () => (await import('./container-commands/runlabel.ts')).runlabel,
  },
  {
    paths: ['healthcheck run'],
    summary: 'run the health check of a container',
    load: async () => (await small()).checkHealth,
  },
];

export const containerGroups: readonly GroupEntry[] = [
  {
    path: 'healthcheck',
    summary: 'Manage health checks on containers',
    description: 'Run health checks on containers',
  },
  { path: 'container', summary: 'Manage containers', description: 'Manage containers' },
];
