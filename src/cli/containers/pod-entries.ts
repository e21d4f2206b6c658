import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const podEntries: readonly CommandEntry<ToolContext>[] = [];

export const podGroups: readonly GroupEntry[] = [];
