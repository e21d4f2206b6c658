import type { CommandEntry, GroupEntry } from '../grammar/index.ts';
import { buildEntries, buildGroups } from './build-entries.ts';
import { containerEntries, containerGroups } from './container-entries.ts';
import type { ToolContext } from './context.ts';
import { imageEntries, imageGroups } from './image-entries.ts';
import { kubeEntries, kubeGroups } from './kube-entries.ts';
import { manifestEntries, manifestGroups } from './manifest-entries.ts';
import { networkEntries, networkGroups } from './network-entries.ts';
import { podEntries, podGroups } from './pod-entries.ts';
import { rootlessEntries } from './rootless-entries.ts';
import { secretEntries, secretGroups } from './secret-entries.ts';
import { serviceEntries, serviceGroups } from './service-entries.ts';
import { systemEntries, systemGroups } from './system-entries.ts';
import { volumeEntries, volumeGroups } from './volume-entries.ts';

/** Every command of the container tool; their code is loaded when they are run. */
export const entries: readonly CommandEntry<ToolContext>[] = [
  ...containerEntries,
  ...imageEntries,
  ...buildEntries,
  ...manifestEntries,
  ...networkEntries,
  ...volumeEntries,
  ...secretEntries,
  ...podEntries,
  ...kubeEntries,
  ...systemEntries,
  ...serviceEntries,
  ...rootlessEntries,
];

export const groups: readonly GroupEntry[] = [
  ...containerGroups,
  ...imageGroups,
  ...buildGroups,
  ...manifestGroups,
  ...networkGroups,
  ...volumeGroups,
  ...secretGroups,
  ...podGroups,
  ...kubeGroups,
  ...systemGroups,
  ...serviceGroups,
];
