import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import type { ToolContext } from './context.ts';

export const kubeEntries: readonly CommandEntry<ToolContext>[] = [];

export const kubeGroups: readonly GroupEntry[] = [];
