import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

const listing = () => import('./volume-commands/listing.ts');
const removal = () => import('./volume-commands/removal.ts');
const content = () => import('./volume-commands/content.ts');

export const volumeEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['volume create'],
    summary: 'Create a new volume',
    load: async () => (await import('./volume-commands/create.ts')).create,
  },
  { paths: ['volume exists'], summary: 'Check if volume exists', load: async () => (await listing()).exists },
  {
    paths: ['volume export'],
    summary: 'Export volumes',
    load: async () => (await content()).exportVolume,
  },
  {
    paths: ['volume import'],
    summary: 'Import a tarball contents into a podman volume',
    load: async () => (await content()).importVolume,
  },
  {
    paths: ['volume inspect'],
    summary: 'Display detailed information on one or more volumes',
    load: async () => (await listing()).inspect,
  },
  {
    paths: ['volume ls'],
    aliases: ['volume list'],
    summary: 'List volumes',
    load: async () => (await listing()).ls,
  },
  { paths: ['volume mount'], summary: 'Mount volume', load: async () => (await content()).mount },
  {
    paths: ['volume prune'],
    summary: 'Remove all unused volumes',
    load: async () => (await removal()).prune,
  },
  {
    paths: ['volume reload'],
    summary: 'Reload all volumes from volume plugins',
    load: async () => (await content()).reload,
  },
  {
    paths: ['volume rm'],
    aliases: ['volume remove'],
    summary: 'Remove one or more volumes',
    load: async () => (await removal()).rm,
  },
  {
    paths: ['volume unmount'],
    aliases: ['volume umount'],
    summary: 'Unmount volume',
    load: async () => (await content()).unmount,
  },
];

export const volumeGroups: readonly GroupEntry[] = [
  {
    path: 'volume',
    summary: 'Manage volumes',
    description: 'Volumes are created in and can be shared between containers',
  },
];
