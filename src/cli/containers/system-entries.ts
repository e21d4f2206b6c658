import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const systemEntries: readonly CommandEntry<ToolContext>[] = [];

export const systemGroups: readonly GroupEntry[] = [
  {
    path: 'system',
    summary: 'Manage the container tool',
    description: 'What concerns all of its containers, images and volumes, and its API.',
  },
];
