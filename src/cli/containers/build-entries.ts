import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const buildEntries: readonly CommandEntry<ToolContext>[] = [];

export const buildGroups: readonly GroupEntry[] = [];
