import {
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  namespaceKeyOf,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  PODS,
  STORAGE_CLASSES,
  workspaceOf,
} from '../../client/index.ts';
import {
  claimNameOf,
  type corev1,
  isPodActive,
  type KubeObject,
  STORAGE_ANNOTATIONS,
  storageClassNameOf,
  type storagev1,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { claimVerdict, type Say } from './claim-verdict.ts';
import { volumeVerdict } from './volume-verdict.ts';
import { VolumeWrites } from './volume-writes.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

const CLAIM = 'claim:';
const VOLUME = 'volume:';
const IS_DEFAULT = 'storageclass.kubernetes.io/is-default-class';

/**
 * Binds claims to volumes and keeps their phases; what no volume fits goes to the provisioner its class names.
 * One thing at a time: two claims never reach for the same volume.
 */
export class PersistentVolumeController implements RunnableController {
  readonly name = 'persistentvolume-controller';
  readonly #claims: Informer<Claim>;
  readonly #volumes: Informer<Volume>;
  readonly #classes: Informer<storagev1.StorageClass>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #recorder: EventRecorder;
  readonly #writes: VolumeWrites;
  readonly #controller: Controller;

  constructor({ client, clock, informers, log, recorder }: ControllerContext) {
    this.#claims = informers.informer<Claim>(PERSISTENT_VOLUME_CLAIMS);
    this.#volumes = informers.informer<Volume>(PERSISTENT_VOLUMES);
    this.#classes = informers.informer<storagev1.StorageClass>(STORAGE_CLASSES);
    this.#pods = informers.informer<corev1.Pod>(PODS);
    this.#recorder = recorder.for(this.name);
    this.#writes = new VolumeWrites({ client, clock });
    this.#controller = new Controller({
      name: this.name,
      workers: 1,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#claims, this.#volumes, this.#classes, this.#pods))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    const addVolume = (volume: Volume) => queue.add(VOLUME + keyOf(volume));
    this.#claims.addHandler({
      onAdd: (claim) => queue.add(CLAIM + keyOf(claim)),
      onUpdate: (claim) => queue.add(CLAIM + keyOf(claim)),
      onDelete: (claim) => {
        if (claim.spec.volumeName) queue.add(VOLUME + makeKey(workspaceOf(claim), '', claim.spec.volumeName));
      },
    });
    this.#volumes.addHandler({
      onAdd: (volume) => {
        addVolume(volume);
        this.#addOpenClaims(workspaceOf(volume));
      },
      onUpdate: (volume, old) => {
        addVolume(volume);
        const isFree = volume.status?.phase === 'Available' && old.status?.phase !== 'Available';
        if (isFree || volume.metadata.deletionTimestamp !== old.metadata.deletionTimestamp)
          this.#addOpenClaims(workspaceOf(volume));
      },
      onDelete: (volume) => this.#addClaimOf(volume),
    });
    const classChanged = (one: KubeObject) => this.#addOpenClaims(workspaceOf(one));
    this.#classes.addHandler({ onAdd: classChanged, onUpdate: classChanged });
  }

  #addClaimOf(volume: Volume): void {
    const { namespace, name } = volume.spec.claimRef ?? {};
    if (namespace && name) this.#controller.queue.add(CLAIM + makeKey(workspaceOf(volume), namespace, name));
  }

  #addOpenClaims(workspace: string): void {
    for (const claim of this.#claims.list())
      if (claim.status?.phase !== 'Bound' && workspaceOf(claim) === workspace)
        this.#controller.queue.add(CLAIM + keyOf(claim));
  }

  async #reconcile(key: string): Promise<undefined> {
    if (key.startsWith(CLAIM)) {
      const claim = this.#claims.get(key.slice(CLAIM.length));
      if (claim !== undefined) await this.#reconcileClaim(claim);
    } else {
      const volume = this.#volumes.get(key.slice(VOLUME.length));
      if (volume !== undefined) await this.#reconcileVolume(volume);
    }
    return undefined;
  }

  async #reconcileClaim(claim: Claim): Promise<void> {
    if (await this.#giveDefaultClass(claim)) return;
    const workspace = workspaceOf(claim);
    const verdict = claimVerdict({
      claim,
      volumes: this.#volumes.byIndex('namespace', `${workspace}|`),
      storageClass: this.#classes.get(makeKey(workspace, '', storageClassNameOf(claim))),
      waitingPod: this.#waitingPod(claim),
    });
    switch (verdict.kind) {
      case 'bind':
        return await this.#writes.bind(verdict.volume, claim);
      case 'lost':
        if (claim.status?.phase !== 'Lost') this.#say(claim, verdict.say);
        await this.#writes.setClaimPhase(claim, 'Lost');
        return;
      case 'provision':
        return await this.#askProvisioner(claim, verdict.provisioner);
      case 'wait':
        this.#say(claim, verdict.say);
        await this.#writes.setClaimPhase(claim, 'Pending');
    }
  }

  /** A claim from before there was a default class gets it now, unless it asks for none (`""`). */
  async #giveDefaultClass(claim: Claim): Promise<boolean> {
    if (claim.spec.storageClassName !== undefined || claim.spec.volumeName) return false;
    if (claim.metadata.annotations?.[STORAGE_ANNOTATIONS.betaClass] !== undefined) return false;
    const workspace = workspaceOf(claim);
    const [newest] = this.#classes
      .list()
      .filter((one) => workspaceOf(one) === workspace && one.metadata.annotations?.[IS_DEFAULT] === 'true')
      .sort((a, b) => b.metadata.creationTimestamp!.localeCompare(a.metadata.creationTimestamp!));
    if (newest === undefined) return false;
    const storageClassName = newest.metadata.name;
    await this.#writes.updateClaim({ ...claim, spec: { ...claim.spec, storageClassName } });
    return true;
  }

  #waitingPod(claim: Claim): string | undefined {
    return this.#pods
      .byIndex('namespace', namespaceKeyOf(claim))
      .find(
        (pod) =>
          !pod.spec.nodeName &&
          isPodActive(pod) &&
          (pod.spec.volumes ?? []).some((volume) => claimNameOf(pod, volume) === claim.metadata.name),
      )?.metadata.name;
  }

  async #askProvisioner(claim: Claim, provisioner: string): Promise<void> {
    const annotations = {
      ...claim.metadata.annotations,
      [STORAGE_ANNOTATIONS.betaProvisioner]: provisioner,
      [STORAGE_ANNOTATIONS.provisioner]: provisioner,
    };
    let asked = claim;
    if (claim.metadata.annotations?.[STORAGE_ANNOTATIONS.provisioner] !== provisioner)
      asked = await this.#writes.updateClaim({ ...claim, metadata: { ...claim.metadata, annotations } });
    const message =
      `Waiting for a volume to be created either by the external provisioner '${provisioner}' ` +
      'or manually by the system administrator. If volume creation is delayed, please verify that the ' +
      'provisioner is running and correctly registered.';
    this.#say(claim, { type: 'Normal', reason: 'ExternalProvisioning', message });
    await this.#writes.setClaimPhase(asked, 'Pending');
  }

  async #reconcileVolume(volume: Volume): Promise<void> {
    const verdict = volumeVerdict(volume, await this.#claimOf(volume));
    if (verdict.kind === 'unbind') return await this.#writes.unbind(volume);
    const { phase } = verdict;
    const message = verdict.kind === 'phase' ? verdict.message : undefined;
    if (phase !== undefined && phase !== volume.status?.phase) this.#say(volume, verdict.say);
    if (phase !== undefined) await this.#writes.setVolumePhase(volume, phase, message);
    if (verdict.kind === 'look at claim') this.#addClaimOf(volume);
  }

  async #claimOf(volume: Volume): Promise<Claim | undefined> {
    const { namespace, name, uid } = volume.spec.claimRef ?? {};
    if (!namespace || !name || !uid) return undefined;
    const workspace = workspaceOf(volume);
    const known = this.#claims.get(makeKey(workspace, namespace, name));
    if (known?.metadata.uid === uid) return known;
    // Before a volume counts as released, the server is asked: the claim may be newer than the cache.
    const stored = await this.#writes.readClaim(workspace, namespace, name);
    return stored?.metadata.uid === uid ? stored : undefined;
  }

  #say(object: Claim | Volume, say: Say | undefined): void {
    if (say !== undefined) this.#recorder.event(object, say.type, say.reason, say.message);
  }
}
