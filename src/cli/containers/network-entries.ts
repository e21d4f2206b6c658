import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

const listing = () => import('./network-commands/listing.ts');
const changing = () => import('./network-commands/changing.ts');
const joining = () => import('./network-commands/joining.ts');

export const networkEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['network connect'],
    summary: 'Add a container to a network',
    load: async () => (await joining()).connect,
  },
  {
    paths: ['network create'],
    summary: 'Create networks for containers and pods',
    load: async () => (await import('./network-commands/create.ts')).create,
  },
  {
    paths: ['network disconnect'],
    summary: 'Disconnect a container from a network',
    load: async () => (await joining()).disconnect,
  },
  {
    paths: ['network exists'],
    summary: 'Check if network exists',
    load: async () => (await listing()).exists,
  },
  {
    paths: ['network inspect'],
    summary: 'Inspect network',
    load: async () => (await listing()).inspect,
  },
  {
    paths: ['network ls'],
    aliases: ['network list'],
    summary: 'List networks',
    load: async () => (await listing()).ls,
  },
  {
    paths: ['network prune'],
    summary: 'Prune unused networks',
    load: async () => (await changing()).prune,
  },
  {
    paths: ['network reload'],
    summary: 'Reload firewall rules for one or more containers',
    load: async () => (await joining()).reload,
  },
  {
    paths: ['network rm'],
    aliases: ['network remove'],
    summary: 'Remove networks',
    load: async () => (await changing()).rm,
  },
];

export const networkGroups: readonly GroupEntry[] = [
  { path: 'network', summary: 'Manage networks', description: 'Manage networks' },
];
