import type { VolumeConfig } from '../../../libpod/index.ts';
import { GoTime } from '../../templates/times.ts';
import { goStruct } from '../../templates/values.ts';

/** Podman's InspectVolumeData; Docker's fields are among them. JSON leaves out what is nothing. */
export function volumeReport(volume: VolumeConfig): object {
  const always = {
    Name: volume.Name,
    Driver: volume.Driver,
    Mountpoint: volume.Mountpoint,
    CreatedAt: new GoTime(volume.CreatedAt),
    Labels: volume.Labels,
    Scope: volume.Scope,
    Options: volume.Options,
  };
  return goStruct('define.InspectVolumeData', {
    ...always,
    Status: {},
    UID: volume.UID ?? 0,
    GID: volume.GID ?? 0,
    Anonymous: volume.Anonymous,
    MountCount: volume.MountCount,
    NeedsCopyUp: volume.NeedsCopyUp,
    NeedsChown: volume.NeedsChown,
    Timeout: 0,
    StorageID: '',
    toJSON: () =>
      goStruct('json', {
        ...always,
        ...(volume.UID ? { UID: volume.UID } : {}),
        ...(volume.GID ? { GID: volume.GID } : {}),
        ...(volume.Anonymous && { Anonymous: true }),
        MountCount: volume.MountCount,
        ...(volume.NeedsCopyUp && { NeedsCopyUp: true }),
        ...(volume.NeedsChown && { NeedsChown: true }),
      }),
  });
}
