import { chmod, chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import { workspaceOf } from '../../client/index.ts';
import { type corev1, parseQuantity } from '../../kube/index.ts';
import type { DownwardFacts } from '../environment/field-value.ts';
import { isFilled, type VolumePayload, writeAtomically } from './atomic-writer.ts';
import { prepareHostPath } from './host-path.ts';
import { mountTmpfs } from './mount-point.ts';
import { type PersistentVolumes, VolumeNotReady } from './persistent-volumes.ts';
import type { ReferencedObjects, References } from './referenced-objects.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import { type PayloadSources, volumePayload, volumeReferences } from './volume-payload.ts';

export interface MountedVolume {
  hostPath: string;
  /** Whatever the mount says, the container may not write here. */
  readOnly: boolean;
}

/** One or more volumes could not be set up; each message is the kubelet's FailedMount. */
export class VolumeSetupFailed extends OrreryError {
  readonly messages: readonly string[];
  constructor(messages: readonly string[]) {
    super('VolumeSetupFailed', messages.join('; '));
    this.messages = messages;
  }
}

export interface VolumeSetup {
  pod: corev1.Pod;
  /** The pod's folder for volumes. */
  folder: string;
  facts: DownwardFacts;
  /** Ask the API server rather than believe the watch: at a pod's first start. */
  fresh: boolean;
}

/** What a pod's volumes need from the API. */
export function podVolumeReferences(pod: corev1.Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const volume of pod.spec.volumes ?? []) {
    const references = volumeReferences(volume);
    for (const name of references.configMaps) configMaps.add(name);
    for (const name of references.secrets) secrets.add(name);
  }
  return { configMaps, secrets };
}

/**
 * Makes pods' volumes on this host, and brings them up to date when called again. Idempotent.
 */
export class PodVolumes {
  readonly #objects: ReferencedObjects;
  readonly #tokens: ServiceAccountTokens;
  readonly #persistent: PersistentVolumes;

  constructor(options: {
    objects: ReferencedObjects;
    tokens: ServiceAccountTokens;
    persistent: PersistentVolumes;
  }) {
    this.#objects = options.objects;
    this.#tokens = options.tokens;
    this.#persistent = options.persistent;
  }

  /** @throws VolumeSetupFailed naming every volume that failed */
  async setUp(setup: VolumeSetup): Promise<Map<string, MountedVolume>> {
    const mounted = new Map<string, MountedVolume>();
    const failures: string[] = [];
    await Promise.all(
      (setup.pod.spec.volumes ?? []).map(async (volume) => {
        try {
          mounted.set(volume.name, await this.#setUpOne(setup, volume));
        } catch (error) {
          failures.push(
            error instanceof VolumeNotReady
              ? error.message
              : `MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`,
          );
        }
      }),
    );
    if (failures.length > 0) throw new VolumeSetupFailed(failures);
    return mounted;
  }

  async #setUpOne(setup: VolumeSetup, volume: corev1.Volume): Promise<MountedVolume> {
    if (volume.hostPath) {
      await prepareHostPath(volume.hostPath);
      return { hostPath: volume.hostPath.path, readOnly: false };
    }
    if (volume.emptyDir) return setUpEmptyDir(setup, volume.name, volume.emptyDir);
    if (volume.persistentVolumeClaim || volume.ephemeral) return this.#persistent.setUp(setup, volume);
    const plugin = volume.configMap
      ? 'configmap'
      : volume.secret
        ? 'secret'
        : volume.downwardAPI
          ? 'downward-api'
          : volume.projected
            ? 'projected'
            : undefined;
    if (plugin === undefined) {
      const type = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
      throw new BadRequest(`volume type ${type} is not supported by this node`);
    }
    const hostPath = join(setup.folder, `kubernetes.io~${plugin}`, volume.name);
    await mkdir(hostPath, { recursive: true, mode: 0o755 });
    // Secrets never touch the disk.
    if (plugin === 'secret' || plugin === 'projected') await mountTmpfs(hostPath, { mode: '0755' });
    let payload: VolumePayload;
    try {
      payload = volumePayload(setup.pod, volume, await this.#sources(setup, volume));
    } catch (error) {
      // Without an API server, what was there before is good enough to start again with.
      if (saysWhatIsWrong(error) || !(await isFilled(hostPath))) throw error;
      return { hostPath, readOnly: true };
    }
    await writeAtomically(hostPath, withGroup(payload, setup.pod.spec.securityContext?.fsGroup));
    return { hostPath, readOnly: true };
  }

  async #sources(setup: VolumeSetup, volume: corev1.Volume): Promise<PayloadSources> {
    const { pod, fresh, facts } = setup;
    const references = volumeReferences(volume);
    const where = { workspace: workspaceOf(pod), namespace: pod.metadata.namespace ?? '' };
    const wanted: References = references;
    const tokens = new Map<corev1.ServiceAccountTokenProjection, string>();
    const [objects] = await Promise.all([
      this.#objects.read(where, wanted, { fresh }),
      ...references.tokens.map(async (projection) => {
        tokens.set(projection, await this.#tokens.get(pod, projection));
      }),
    ]);
    return { ...objects, tokens, facts };
  }
}

/** An answer about the objects themselves, not the trouble of getting one. */
function saysWhatIsWrong(error: unknown): boolean {
  return error instanceof NotFound || error instanceof BadRequest;
}

/** fsGroup owns the files and may read them (pkg/volume/volume_linux.go). */
function withGroup(payload: VolumePayload, fsGroup: number | undefined) {
  if (fsGroup === undefined) return payload;
  return new Map(
    [...payload].map(([path, file]) => [path, { ...file, gid: fsGroup, mode: file.mode | 0o440 }]),
  );
}

async function setUpEmptyDir(
  setup: VolumeSetup,
  name: string,
  source: corev1.EmptyDirVolumeSource,
): Promise<MountedVolume> {
  const hostPath = join(setup.folder, 'kubernetes.io~empty-dir', name);
  let isNew = (await mkdir(hostPath, { recursive: true })) !== undefined;
  if (source.medium === 'Memory') {
    const sizeBytes = source.sizeLimit === undefined ? 0 : parseQuantity(source.sizeLimit).value();
    isNew = await mountTmpfs(hostPath, { mode: '0777', ...(sizeBytes > 0 && { sizeBytes }) });
  } else if (source.medium) {
    throw new BadRequest(`emptyDir medium ${source.medium} is not supported by this node`);
  }
  const fsGroup = setup.pod.spec.securityContext?.fsGroup;
  // Afterwards the folder is the pod's: what it did to the mode stays.
  if (!isNew) return { hostPath, readOnly: false };
  if (fsGroup !== undefined) await chown(hostPath, 0, fsGroup);
  await chmod(hostPath, fsGroup === undefined ? 0o777 : 0o2777);
  return { hostPath, readOnly: false };
}
