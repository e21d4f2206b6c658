import { chmod, realpath } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { BadRequest, NotFound } from '../base/index.ts';
import { type corev1, parseQuantity } from '../kube/index.ts';
import type { Mount, Volumes } from '../libpod/index.ts';
import { prepareHostPath, volumePayload, writeAtomically } from '../node/index.ts';
import type { FoundObjects } from './objects.ts';

/** Marks a volume that a pod brought along, and that goes with it. */
export const VOLUME_OF_POD = 'io.orrery.kube-play.pod';

/** Where the content of a pod's volume is. */
export type PlayedVolume =
  | { type: 'bind'; source: string; readOnly: boolean }
  | { type: 'volume'; source: string; readOnly: boolean };

/**
 * Makes a pod's volumes: what it brings along (emptyDir, configMap, secret, …) becomes a volume of its own,
 * a claim is a volume of that name, a hostPath is bound.
 *
 * @throws NotFound for an object that is missing; OrreryError HostPathType
 */
export async function makePodVolumes(
  pod: corev1.Pod,
  volumes: Volumes,
  objects: FoundObjects,
): Promise<Map<string, PlayedVolume>> {
  const made = new Map<string, PlayedVolume>();
  for (const volume of pod.spec.volumes ?? [])
    made.set(volume.name, await makeOne(pod, volume, volumes, objects));
  return made;
}

async function makeOne(
  pod: corev1.Pod,
  volume: corev1.Volume,
  volumes: Volumes,
  objects: FoundObjects,
): Promise<PlayedVolume> {
  if (volume.hostPath) {
    await prepareHostPath(volume.hostPath);
    return { type: 'bind', source: volume.hostPath.path, readOnly: false };
  }
  if (volume.persistentVolumeClaim) {
    const { claimName, readOnly = false } = volume.persistentVolumeClaim;
    await volumes.create({ Name: claimName, ignore: true });
    return { type: 'volume', source: claimName, readOnly };
  }
  const Name = `${pod.metadata.name}-${volume.name}`;
  const Labels = { [VOLUME_OF_POD]: pod.metadata.name };
  if (volume.emptyDir) {
    const { Mountpoint } = await volumes.create({ Name, Labels, ...memoryOptions(volume.emptyDir) });
    if (volume.emptyDir.medium !== 'Memory') await chmod(Mountpoint, 0o777);
    return { type: 'volume', source: Name, readOnly: false };
  }
  const payload = volumePayload(pod, volume, {
    ...objects,
    tokens: new Map(),
    facts: { podIPs: [], hostIPs: [], allocatable: {} },
  });
  const { Mountpoint } = await volumes.create({ Name, Labels });
  await writeAtomically(Mountpoint, payload);
  return { type: 'volume', source: Name, readOnly: true };
}

function memoryOptions(source: corev1.EmptyDirVolumeSource): { DriverOpts?: Record<string, string> } {
  if (!source.medium) return {};
  if (source.medium !== 'Memory') throw new BadRequest(`emptyDir medium ${source.medium} is not supported`);
  const size = source.sizeLimit === undefined ? '' : `,size=${parseQuantity(source.sizeLimit).value()}`;
  return { DriverOpts: { type: 'tmpfs', device: 'tmpfs', o: `mode=0777${size}` } };
}

const PROPAGATION = { None: 'rprivate', HostToContainer: 'rslave', Bidirectional: 'rshared' } as const;

/** What a container mounts of its pod's volumes. @throws NotFound @throws BadRequest for a path that leads out of its volume */
export async function containerMounts(
  container: corev1.Container,
  volumes: ReadonlyMap<string, PlayedVolume>,
  expand: (expression: string) => string,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (volume === undefined)
      throw new NotFound(`volume mount ${mount.name} specified for container but not configured in volumes`);
    const { path, options } = splitMountPath(mount.mountPath);
    const subPath = mount.subPathExpr ? expand(mount.subPathExpr) : mount.subPath;
    mounts.push({
      ...(await placeOf(volume, subPath)),
      Target: isAbsolute(path) ? path : join('/', path),
      ReadOnly: mount.readOnly === true || volume.readOnly,
      ...(options.length > 0 && { Options: options }),
      ...(volume.type === 'bind' && {
        BindOptions: { Propagation: PROPAGATION[(mount.mountPropagation ?? 'None') as 'None'] },
      }),
    });
  }
  return mounts;
}

/** `/data:z,ro`: Podman's options of a mount, behind its path. */
function splitMountPath(mountPath: string): { path: string; options: string[] } {
  const colon = mountPath.indexOf(':');
  if (colon === -1) return { path: mountPath, options: [] };
  return { path: mountPath.slice(0, colon), options: mountPath.slice(colon + 1).split(',') };
}

async function placeOf(
  volume: PlayedVolume,
  subPath: string | undefined,
): Promise<Pick<Mount, 'Type' | 'Source' | 'VolumeOptions'>> {
  if (!subPath) return { Type: volume.type, Source: volume.source };
  if (isAbsolute(subPath) || subPath.split('/').includes('..'))
    throw new BadRequest(`subPath "${subPath}" must be a relative path without ".."`);
  if (volume.type === 'volume')
    return { Type: 'volume', Source: volume.source, VolumeOptions: { Subpath: subPath } };
  const base = await realpath(volume.source);
  const place = await realpath(join(base, subPath));
  if (relative(base, place).startsWith('..'))
    throw new BadRequest(`subpath "${place}" not within volume path "${base}"`);
  return { Type: 'bind', Source: place };
}

const VOLUME_ANNOTATIONS: Record<string, string> = {
  'volume.podman.io/device': 'device',
  'volume.podman.io/type': 'type',
  'volume.podman.io/uid': 'UID',
  'volume.podman.io/gid': 'GID',
  'volume.podman.io/mount-options': 'o',
};

/** A claim is a volume; what Kubernetes has no field for is in Podman's annotations. @throws AlreadyExists */
export async function createClaimedVolume(
  claim: corev1.PersistentVolumeClaim,
  volumes: Volumes,
): Promise<string> {
  const { name, labels, annotations } = claim.metadata;
  if (!name?.trim()) throw new BadRequest('persistent volume claim name can not be empty');
  const DriverOpts: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations ?? {})) {
    const option = VOLUME_ANNOTATIONS[key];
    if (option !== undefined) DriverOpts[option] = value;
  }
  const Driver = annotations?.['volume.podman.io/driver'];
  await volumes.create({ Name: name, Labels: labels ?? {}, DriverOpts, ...(Driver && { Driver }) });
  return name;
}
