import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const volumeEntries: readonly CommandEntry<ToolContext>[] = [];

export const volumeGroups: readonly GroupEntry[] = [];
