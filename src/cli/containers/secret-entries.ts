import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const secretEntries: readonly CommandEntry<ToolContext>[] = [];

export const secretGroups: readonly GroupEntry[] = [];
