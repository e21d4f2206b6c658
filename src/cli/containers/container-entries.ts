import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const containerEntries: readonly CommandEntry<ToolContext>[] = [];

export const containerGroups: readonly GroupEntry[] = [];
