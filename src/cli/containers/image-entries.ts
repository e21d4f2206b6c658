import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const imageEntries: readonly CommandEntry<ToolContext>[] = [];

export const imageGroups: readonly GroupEntry[] = [];
