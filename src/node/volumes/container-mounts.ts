import type { FileHandle } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { BadRequest, NotFound } from '../../base/index.ts';
import type { ContainerMount } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { expand, unknownNames } from '../environment/expansion.ts';
import type { MountedVolume } from './pod-volumes.ts';
import { openSubPath } from './sub-path.ts';

const PROPAGATION = { None: 'private', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

/** Host files that every container of a pod sees in /etc, unless it mounts something of its own there. */
export interface EtcMounts {
  '/etc/hosts': string;
  '/etc/resolv.conf': string;
  /** Absent on the host's network. */
  '/etc/hostname'?: string;
}

/** Makes what a handle stands for lasting: a path for the mount with that index, which nobody can lead elsewhere. */
export type PinSubPath = (place: FileHandle, index: number) => Promise<string>;

/**
 * What the engine binds into a container for its volumeMounts.
 *
 * @throws NotFound or BadRequest when a subPath cannot be used
 */
export async function containerMounts(
  container: corev1.Container,
  volumes: ReadonlyMap<string, MountedVolume>,
  environment: Record<string, string>,
  etc: EtcMounts,
  pin: PinSubPath,
): Promise<ContainerMount[]> {
  const mounts: ContainerMount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const volume = volumes.get(mount.name);
    if (volume === undefined) throw new NotFound(`volume "${mount.name}" not found`);
    const readOnly = mount.readOnly === true || volume.readOnly;
    mounts.push({
      type: 'bind',
      source: await sourceOf(container, mount, volume, environment, (place) => pin(place, index)),
      destination: isAbsolute(mount.mountPath) ? mount.mountPath : join('/', mount.mountPath),
      readOnly,
      propagation: PROPAGATION[(mount.mountPropagation ?? 'None') as keyof typeof PROPAGATION] ?? 'private',
    });
  }
  const taken = new Set(mounts.map((mount) => resolve(mount.destination)));
  const readOnlyRoot = container.securityContext?.readOnlyRootFilesystem === true;
  for (const [destination, source] of Object.entries(etc)) {
    if (source === undefined || taken.has(destination)) continue;
    mounts.push({ type: 'bind', source, destination, readOnly: readOnlyRoot });
  }
  return mounts;
}

async function sourceOf(
  container: corev1.Container,
  mount: corev1.VolumeMount,
  volume: MountedVolume,
  environment: Record<string, string>,
  pin: (place: FileHandle) => Promise<string>,
): Promise<string> {
  const subPath = mount.subPathExpr ? expandSubPath(mount.subPathExpr, environment) : mount.subPath;
  if (!subPath) return volume.hostPath;
  if (isAbsolute(subPath) || subPath.split('/').includes('..'))
    throw new BadRequest(`subPath "${subPath}" must be a relative path without ".."`);
  const place = await openSubPath(volume.hostPath, subPath, { create: !volume.readOnly });
  if (place === undefined)
    throw new NotFound(
      `failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}"`,
    );
  try {
    return await pin(place);
  } finally {
    await place.close();
  }
}

function expandSubPath(expression: string, environment: Record<string, string>): string {
  const missing = unknownNames(expression, environment);
  if (missing.length > 0) throw new BadRequest(`missing value for "${missing[0]}"`);
  return expand(expression, (name) => environment[name]);
}
