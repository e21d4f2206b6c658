import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const networkEntries: readonly CommandEntry<ToolContext>[] = [];

export const networkGroups: readonly GroupEntry[] = [];
