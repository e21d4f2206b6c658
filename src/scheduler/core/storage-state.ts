import { type corev1, storageClassNameOf, type storagev1 } from '../../kube/index.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

/** Claims, volumes and classes as placement sees them. */
export interface StorageView {
  claim(namespaceKey: string, name: string): Claim | undefined;
  volume(workspace: string, name: string): Volume | undefined;
  /** All of a class. */
  volumes(workspace: string, className: string): readonly Volume[];
  storageClass(workspace: string, name: string): storagev1.StorageClass | undefined;
  csiNode(name: string): storagev1.CSINode | undefined;
}

/**
 * Claims, volumes, classes; and what the scheduler has decided about them and nobody has stored yet: an assumed
 * object stands for the stored one until a newer one comes or the decision is taken back.
 */
export class StorageState implements StorageView {
  readonly #claims = new Map<string, Claim>();
  readonly #volumes = new Map<string, Volume>();
  readonly #classes = new Map<string, storagev1.StorageClass>();
  readonly #csiNodes = new Map<string, storagev1.CSINode>();
  readonly #assumedClaims = new Map<string, Claim>();
  readonly #assumedVolumes = new Map<string, Volume>();

  claim(namespaceKey: string, name: string): Claim | undefined {
    const key = `${namespaceKey}|${name}`;
    return this.#assumedClaims.get(key) ?? this.#claims.get(key);
  }

  volume(workspace: string, name: string): Volume | undefined {
    const key = `${workspace}||${name}`;
    return this.#assumedVolumes.get(key) ?? this.#volumes.get(key);
  }

  volumes(workspace: string, className: string): readonly Volume[] {
    const found: Volume[] = [];
    for (const [key, stored] of this.#volumes) {
      const volume = this.#assumedVolumes.get(key) ?? stored;
      if (key.startsWith(`${workspace}|`) && storageClassNameOf(volume) === className) found.push(volume);
    }
    return found;
  }

  storageClass(workspace: string, name: string): storagev1.StorageClass | undefined {
    return this.#classes.get(`${workspace}||${name}`);
  }

  csiNode(name: string): storagev1.CSINode | undefined {
    return this.#csiNodes.get(name);
  }

  /** @param key `workspace|namespace|name`, here and below; undefined takes the object away. */
  setClaim(key: string, claim: Claim | undefined): void {
    set(this.#claims, key, claim);
    this.#assumedClaims.delete(key);
  }

  setVolume(key: string, volume: Volume | undefined): void {
    set(this.#volumes, key, volume);
    this.#assumedVolumes.delete(key);
  }

  setClass(key: string, storageClass: storagev1.StorageClass | undefined): void {
    set(this.#classes, key, storageClass);
  }

  setCsiNode(name: string, node: storagev1.CSINode | undefined): void {
    set(this.#csiNodes, name, node);
  }

  assumeClaim(key: string, claim: Claim): void {
    this.#assumedClaims.set(key, claim);
  }

  assumeVolume(key: string, volume: Volume): void {
    this.#assumedVolumes.set(key, volume);
  }

  /** The decisions about these came to nothing. */
  revert(claims: readonly string[], volumes: readonly string[]): void {
    for (const key of claims) this.#assumedClaims.delete(key);
    for (const key of volumes) this.#assumedVolumes.delete(key);
  }
}

function set<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
