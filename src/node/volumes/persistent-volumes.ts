import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, NotFound, OrreryError } from '../../base/index.ts';
import {
  type Client,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  workspaceOf,
} from '../../client/index.ts';
import { claimNameOf, type corev1, isOwnedByPod, matchesVolumeAffinity } from '../../kube/index.ts';
import { absent } from './atomic-writer.ts';
import { applyFsGroup } from './fs-group.ts';
import { prepareHostPath } from './host-path.ts';
import type { LocalPathFolders } from './local-path-folders.ts';
import type { MountedVolume, VolumeSetup } from './pod-volumes.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/** The claim is not bound, or not to what this node can mount; the message is the kubelet's whole sentence. */
export class VolumeNotReady extends OrreryError {
  constructor(message: string) {
    super('VolumeNotReady', message);
  }
}

const NOT_SOURCES = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

/**
 * Volumes that claims stand for: folders of this host (`hostPath`, `local`). Which folder a pod's claim was is noted
 * beside its volumes, so that its containers start again without an API server.
 */
export class PersistentVolumes {
  readonly #client: Client;
  readonly #nodeName: string;
  readonly #folders: LocalPathFolders | undefined;

  constructor(options: { client: Client; nodeName: string; folders: LocalPathFolders | undefined }) {
    this.#client = options.client;
    this.#nodeName = options.nodeName;
    this.#folders = options.folders;
  }

  /** @throws VolumeNotReady when the claim has no volume (yet), or one of a kind this node does not mount */
  async setUp(setup: VolumeSetup, volume: corev1.Volume): Promise<MountedVolume> {
    const note = join(setup.folder, 'orrery~claim', `${volume.name}.json`);
    const noted = await readFile(note, 'utf8').catch(absent);
    if (noted !== undefined && !setup.fresh) return JSON.parse(noted) as MountedVolume;
    let claim: Claim;
    let persistent: Volume;
    try {
      claim = await this.#claim(setup.pod, volume);
      persistent = await this.#volume(setup.pod, claim);
    } catch (error) {
      if (error instanceof VolumeNotReady || noted === undefined) throw error;
      return JSON.parse(noted) as MountedVolume;
    }
    const hostPath = await this.#prepare(setup.pod, volume, persistent);
    const mounted: MountedVolume = {
      hostPath,
      readOnly: volume.persistentVolumeClaim?.readOnly === true,
    };
    await mkdir(join(setup.folder, 'orrery~claim'), { recursive: true, mode: 0o700 });
    await writeFile(note, JSON.stringify(mounted));
    return mounted;
  }

  async #claim(pod: corev1.Pod, volume: corev1.Volume): Promise<Claim> {
    const { namespace = '' } = pod.metadata;
    const name = claimNameOf(pod, volume)!;
    const refuse = (why: string) =>
      new VolumeNotReady(
        `Unable to attach or mount volumes: unmounted volumes=[${volume.name}], unattached volumes=[], ` +
          `failed to process volumes=[${volume.name}]: error processing PVC ${namespace}/${name}: ${why}`,
      );
    let claim: Claim;
    try {
      claim = await this.#client
        .in(workspaceOf(pod))
        .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
        .get(name, namespace);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      throw refuse(`failed to fetch PVC from API server: ${messageOf(error)}`);
    }
    if (volume.ephemeral && !isOwnedByPod(claim, pod))
      throw refuse(
        `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
      );
    if (claim.metadata.deletionTimestamp !== undefined) throw refuse('PVC is being deleted');
    if (claim.status?.phase !== 'Bound' || !claim.spec.volumeName) throw refuse('PVC is not bound');
    return claim;
  }

  async #volume(pod: corev1.Pod, claim: Claim): Promise<Volume> {
    const name = claim.spec.volumeName!;
    const volume = await this.#client.in(workspaceOf(pod)).resource<Volume>(PERSISTENT_VOLUMES).get(name);
    if (volume.spec.claimRef?.uid !== claim.metadata.uid)
      throw new VolumeNotReady(
        `error processing PVC ${claim.metadata.namespace}/${claim.metadata.name}: PV ${name} is not bound to it`,
      );
    if (volume.spec.volumeMode === 'Block')
      throw new VolumeNotReady(
        `MountVolume.SetUp failed for volume "${name}" : volumeMode Block is not supported by this node`,
      );
    if (volume.spec.nodeAffinity !== undefined) await this.#checkAffinity(volume);
    return volume;
  }

  async #checkAffinity(volume: Volume): Promise<void> {
    const node = await this.#client.resource<corev1.Node>(NODES).get(this.#nodeName);
    if (matchesVolumeAffinity(volume, { name: this.#nodeName, labels: node.metadata.labels ?? {} })) return;
    throw new VolumeNotReady(
      `MountVolume.NodeAffinity check failed for volume "${volume.metadata.name}" : no matching NodeSelectorTerms`,
    );
  }

  /** @returns the folder of this host that the volume is */
  async #prepare(pod: corev1.Pod, volume: corev1.Volume, { metadata, spec }: Volume): Promise<string> {
    const failed = (step: string, why: string) =>
      new VolumeNotReady(`MountVolume.${step} failed for volume "${metadata.name}" : ${why}`);
    if (spec.mountOptions?.length)
      throw failed('MountOptionSupport check', 'Mount options are not supported for this volume type');
    if (spec.hostPath !== undefined) {
      const { path } = spec.hostPath;
      try {
        if (this.#folders?.owns(path)) await this.#folders.make(path);
        else await prepareHostPath(spec.hostPath);
      } catch (error) {
        throw failed('SetUp', messageOf(error));
      }
      return path;
    }
    if (spec.local !== undefined) {
      const { path = '' } = spec.local;
      const found = await stat(path).catch(absent);
      if (found === undefined) throw failed('NewMounter initialization', `path "${path}" does not exist`);
      if (!found.isDirectory())
        throw failed('SetUp', `local volume "${path}" that is no directory is not supported by this node`);
      if (!volume.persistentVolumeClaim?.readOnly) await applyFsGroup(path, pod.spec.securityContext);
      return path;
    }
    const source = Object.keys(spec).find((key) => !NOT_SOURCES.has(key)) ?? 'unknown';
    throw failed('SetUp', `persistent volume source ${source} is not supported by this node`);
  }
}
