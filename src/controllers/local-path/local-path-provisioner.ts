import { basename, dirname } from 'node:path';
import { AlreadyExists, NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  NODES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  STORAGE_CLASSES,
  withoutClusterAnnotation,
  workspaceOf,
} from '../../client/index.ts';
import {
  type corev1,
  isDelayedBinding,
  LOCAL_PATH_REMOVAL,
  ROOT_WORKSPACE,
  STORAGE_ANNOTATIONS,
  storageClassNameOf,
  type storagev1,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { withoutFinalizer } from '../volume-protection/finalizers.ts';
import {
  draftVolume,
  FOLDER_FINALIZER,
  LOCAL_PATH_CLASS,
  LOCAL_PATH_PROVISIONER,
  volumeNameFor,
  whyNotLocal,
} from './local-path-volume.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

const CLAIM = 'claim:';
const VOLUME = 'volume:';

/**
 * Makes volumes that are folders of the node their first pod goes to, as the provisioner that k3s brings along does:
 * class `local-path`. The folder itself is made by the node when a pod mounts it, and removed by the node when a volume
 * with reclaim policy Delete is released; the volume stays until that is done.
 */
export class LocalPathProvisioner implements RunnableController {
  readonly name = LOCAL_PATH_PROVISIONER;
  readonly #client: Client;
  readonly #directory: string | undefined;
  readonly #claims: Informer<Claim>;
  readonly #volumes: Informer<Volume>;
  readonly #classes: Informer<storagev1.StorageClass>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor({ client, clock, config, informers, log, recorder }: ControllerContext) {
    this.#client = client;
    this.#directory = config.localPathDirectory;
    this.#recorder = recorder.for(this.name);
    this.#claims = informers.informer<Claim>(PERSISTENT_VOLUME_CLAIMS);
    this.#volumes = informers.informer<Volume>(PERSISTENT_VOLUMES);
    this.#classes = informers.informer<storagev1.StorageClass>(STORAGE_CLASSES);
    this.#nodes = informers.informer<corev1.Node>(NODES);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#claims, this.#volumes, this.#classes, this.#nodes))) return;
    if (this.#directory !== undefined) await this.#ensureClass();
    await this.#controller.run(signal);
  }

  /** As k3s: it is there at every start; an administrator may change it, or make another the default. */
  async #ensureClass(): Promise<void> {
    if (this.#classes.get(makeKey(ROOT_WORKSPACE, '', LOCAL_PATH_CLASS.metadata.name)) !== undefined) return;
    try {
      await this.#client
        .in(ROOT_WORKSPACE)
        .resource<storagev1.StorageClass>(STORAGE_CLASSES)
        .create(LOCAL_PATH_CLASS);
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
    }
  }

  #watch(): void {
    const { queue } = this.#controller;
    const addClaim = (claim: Claim) => queue.add(CLAIM + keyOf(claim));
    const addVolume = (volume: Volume) => isLocalPath(volume) && queue.add(VOLUME + keyOf(volume));
    this.#claims.addHandler({ onAdd: addClaim, onUpdate: addClaim });
    this.#volumes.addHandler({ onAdd: addVolume, onUpdate: addVolume, onDelete: addVolume });
    // A node that answers, or is gone and never will.
    const addVolumesOf = (node: corev1.Node) => {
      for (const key of Object.keys(node.metadata.annotations ?? {}))
        if (key.startsWith(LOCAL_PATH_REMOVAL.prefix))
          queue.add(VOLUME + makeKey(workspaceOf(node), '', key.slice(LOCAL_PATH_REMOVAL.prefix.length)));
    };
    this.#nodes.addHandler({ onAdd: addVolumesOf, onUpdate: addVolumesOf, onDelete: addVolumesOf });
  }

  async #reconcile(key: string): Promise<undefined> {
    if (key.startsWith(CLAIM)) {
      const claim = this.#claims.get(key.slice(CLAIM.length));
      if (claim !== undefined) await this.#reconcileClaim(claim);
    } else {
      const volumeKey = key.slice(VOLUME.length);
      const volume = this.#volumes.get(volumeKey);
      if (volume === undefined) await this.#forget(volumeKey);
      else await this.#reconcileVolume(volume);
    }
    return undefined;
  }

  async #reconcileClaim(claim: Claim): Promise<void> {
    const { annotations = {}, deletionTimestamp } = claim.metadata;
    if (annotations[STORAGE_ANNOTATIONS.provisioner] !== LOCAL_PATH_PROVISIONER) return;
    if (claim.spec.volumeName || deletionTimestamp !== undefined) return;
    const workspace = workspaceOf(claim);
    const storageClass = this.#classes.get(makeKey(workspace, '', storageClassNameOf(claim)));
    if (storageClass?.provisioner !== LOCAL_PATH_PROVISIONER) return;
    const selected = annotations[STORAGE_ANNOTATIONS.selectedNode];
    if (selected === undefined && isDelayedBinding(storageClass)) return;
    if (this.#volumes.get(makeKey(workspace, '', volumeNameFor(claim))) !== undefined) return;
    const node = selected === undefined ? undefined : this.#nodes.get(makeKey(workspace, '', selected));
    const problem =
      whyNotLocal(claim, storageClass) ??
      (selected === undefined ? 'configuration error, no node was specified' : undefined) ??
      (this.#directory === undefined ? 'this server was given no folder for local volumes' : undefined);
    if (problem !== undefined) {
      const message = `failed to provision volume with StorageClass "${storageClass.metadata.name}": ${problem}`;
      this.#recorder.event(claim, 'Warning', 'ProvisioningFailed', message);
      return;
    }
    if (node === undefined) return await this.#reschedule(claim, selected!);
    await this.#provision(claim, storageClass, node);
  }

  async #provision(claim: Claim, storageClass: storagev1.StorageClass, node: corev1.Node): Promise<void> {
    const { namespace, name } = claim.metadata;
    const say = (reason: string, message: string) => this.#recorder.event(claim, 'Normal', reason, message);
    say('Provisioning', `External provisioner is provisioning volume for claim "${namespace}/${name}"`);
    const draft = draftVolume(claim, storageClass, node, this.#directory!);
    try {
      await this.#client.in(workspaceOf(claim)).resource<Volume>(PERSISTENT_VOLUMES).create(draft);
    } catch (error) {
      if (error instanceof AlreadyExists) return; // The cache lags behind.
      throw error;
    }
    say('ProvisioningSucceeded', `Successfully provisioned volume ${draft.metadata.name}`);
  }

  /** The node that was chosen is gone: the scheduler chooses anew. */
  async #reschedule(claim: Claim, node: string): Promise<void> {
    const message = `failed to provision volume with StorageClass "${storageClassNameOf(claim)}": failed to get target node: node "${node}" not found`;
    this.#recorder.event(claim, 'Warning', 'ProvisioningFailed', message);
    const { [STORAGE_ANNOTATIONS.selectedNode]: _, ...annotations } = claim.metadata.annotations ?? {};
    await this.#client
      .in(workspaceOf(claim))
      .resource<Claim>(PERSISTENT_VOLUME_CLAIMS)
      .update({
        ...withoutClusterAnnotation(claim),
        metadata: { ...withoutClusterAnnotation(claim).metadata, annotations },
      });
  }

  async #reconcileVolume(volume: Volume): Promise<void> {
    if (!isLocalPath(volume)) return;
    const { deletionTimestamp, finalizers = [], name, uid } = volume.metadata;
    const isReleased = volume.status?.phase === 'Released';
    const goes = isReleased && volume.spec.persistentVolumeReclaimPolicy === 'Delete';
    if (deletionTimestamp === undefined) {
      if (goes) await this.#volumesApi(volume).delete(name, { preconditions: { uid } });
      return;
    }
    if (!finalizers.includes(FOLDER_FINALIZER) || volume.status?.phase === 'Bound') return;
    // Deleted by hand, or to be kept: the folder stays.
    if (goes && !(await this.#folderIsGone(volume))) return;
    await this.#letGo(volume);
  }

  /** Asks the node for it, once. */
  async #folderIsGone(volume: Volume): Promise<boolean> {
    const nodeName = volume.metadata.annotations?.['local.path.provisioner/selected-node'] ?? '';
    const node = this.#nodes.get(makeKey(workspaceOf(volume), '', nodeName));
    const path = volume.spec.hostPath?.path ?? '';
    // With the node its disk is gone; and what somebody else made as if it were ours is not for us to remove.
    if (node === undefined || dirname(path) !== this.#directory) return true;
    const key = LOCAL_PATH_REMOVAL.prefix + volume.metadata.name;
    const answer = node.metadata.annotations?.[key];
    if (answer === LOCAL_PATH_REMOVAL.done) return true;
    if (answer === undefined) await this.#annotate(node, { [key]: basename(path) });
    return false;
  }

  async #letGo(volume: Volume): Promise<void> {
    const next = withoutFinalizer(volume, FOLDER_FINALIZER);
    if (next === undefined) return;
    try {
      await this.#volumesApi(volume).update(withoutClusterAnnotation(next));
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  /** The volume is no more: neither is what was said about it. */
  async #forget(volumeKey: string): Promise<void> {
    const key = LOCAL_PATH_REMOVAL.prefix + volumeKey.slice(volumeKey.lastIndexOf('|') + 1);
    for (const node of this.#nodes.list())
      if (node.metadata.annotations?.[key] === LOCAL_PATH_REMOVAL.done)
        await this.#annotate(node, { [key]: null });
  }

  async #annotate(node: corev1.Node, annotations: Record<string, string | null>): Promise<void> {
    await this.#client
      .in(workspaceOf(node))
      .resource<corev1.Node>(NODES)
      .patch(node.metadata.name, { type: 'merge', body: { metadata: { annotations } } });
  }

  #volumesApi(volume: Volume) {
    return this.#client.in(workspaceOf(volume)).resource<Volume>(PERSISTENT_VOLUMES);
  }
}

function isLocalPath(volume: Volume): boolean {
  return volume.metadata.annotations?.[STORAGE_ANNOTATIONS.provisionedBy] === LOCAL_PATH_PROVISIONER;
}
