import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const systemEntries: readonly CommandEntry<ToolContext>[] = [];

export const systemGroups: readonly GroupEntry[] = [];
