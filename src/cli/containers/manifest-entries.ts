import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

const commands = () => import('./manifest-commands/commands.ts');

export const manifestEntries: readonly CommandEntry<ToolContext>[] = [
  {
    paths: ['manifest add'],
    summary: 'Add images to a manifest list or image index',
    load: async () => (await commands()).add,
  },
  {
    paths: ['manifest annotate'],
    summary: 'Add or update information about an entry in a manifest list or image index',
    load: async () => (await commands()).annotate,
  },
  {
    paths: ['manifest create'],
    summary: 'Create manifest list or image index',
    load: async () => (await commands()).create,
  },
  {
    paths: ['manifest exists'],
    summary: 'Check if a manifest list exists in local storage',
    load: async () => (await commands()).exists,
  },
  {
    paths: ['manifest inspect'],
    summary: 'Display the contents of a manifest list or image index',
    load: async () => (await commands()).inspect,
  },
  {
    paths: ['manifest push'],
    summary: 'Push a manifest list or image index to a registry',
    load: async () => (await commands()).push,
  },
  {
    paths: ['manifest remove'],
    summary: 'Remove an entry from a manifest list or image index',
    load: async () => (await commands()).remove,
  },
  {
    paths: ['manifest rm'],
    summary: 'Remove manifest list or image index from local storage',
    load: async () => (await commands()).rm,
  },
];

export const manifestGroups: readonly GroupEntry[] = [
  {
    path: 'manifest',
    summary: 'Manipulate manifest lists and image indexes',
    description: 'Creates, modifies, and pushes manifest lists and image indexes.',
  },
];
