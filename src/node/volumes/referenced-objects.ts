import { type Clock, type Log, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import {
  type Client,
  CONFIG_MAPS,
  Informer,
  makeKey,
  type ResourceRef,
  SECRETS,
} from '../../client/index.ts';
import type { corev1, KubeObject } from '../../kube/index.ts';

type Kind = 'configmap' | 'secret';

export interface References {
  configMaps: Iterable<string>;
  secrets: Iterable<string>;
}

export interface FoundObjects {
  configMaps: Map<string, corev1.ConfigMap>;
  secrets: Map<string, corev1.Secret>;
}

export interface ReferencedObjectsOptions {
  client: Client;
  clock: Clock;
  log: Log;
  /** A ConfigMap or Secret that these pods (uids) use has changed. */
  onChange(podUids: readonly string[]): void;
}

const RESOURCES: Record<Kind, ResourceRef> = { configmap: CONFIG_MAPS, secret: SECRETS };
const readTimeoutMs = 5_000;

interface Watched {
  users: Set<string>;
  informer: Informer<KubeObject>;
  stop: AbortController;
}

/**
 * The ConfigMaps and Secrets that pods of this node use: one watch for each, while somebody uses it, as the
 * kubelet does, so a node reads no object it has no pod for.
 *
 * When the API server cannot be reached, answers what it last knew; when it knew nothing, throws.
 */
export class ReferencedObjects {
  readonly #options: ReferencedObjectsOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #reads = new Map<string, Promise<KubeObject | undefined>>();
  #signal: AbortSignal | undefined;

  constructor(options: ReferencedObjectsOptions) {
    this.#options = options;
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    for (const watched of this.#watched.values()) this.#run(watched);
  }

  /** From now on the pod uses exactly these. */
  use(pod: { uid: string; workspace: string; namespace: string }, references: References): void {
    const wanted = new Map<string, [Kind, string]>();
    for (const name of references.configMaps) wanted.set(keyFor('configmap', pod, name), ['configmap', name]);
    for (const name of references.secrets) wanted.set(keyFor('secret', pod, name), ['secret', name]);
    for (const [key, watched] of this.#watched) {
      if (!wanted.has(key)) this.#drop(key, watched, pod.uid);
    }
    for (const [key, [kind, name]] of wanted) {
      const watched = this.#watched.get(key) ?? this.#watch(key, kind, pod, name);
      watched.users.add(pod.uid);
    }
  }

  release(podUid: string): void {
    for (const [key, watched] of this.#watched) this.#drop(key, watched, podUid);
  }

  /** Those that exist. `fresh` asks the server; otherwise what the watch has seen suffices. */
  async read(
    pod: { workspace: string; namespace: string },
    references: References,
    options: { fresh: boolean },
  ): Promise<FoundObjects> {
    const found: FoundObjects = { configMaps: new Map(), secrets: new Map() };
    const read = async (kind: Kind, name: string) => {
      const object = await this.#read(kind, pod, name, options.fresh);
      if (object === undefined) return;
      if (kind === 'configmap') found.configMaps.set(name, object as corev1.ConfigMap);
      else found.secrets.set(name, object as corev1.Secret);
    };
    await Promise.all([
      ...[...references.configMaps].map((name) => read('configmap', name)),
      ...[...references.secrets].map((name) => read('secret', name)),
    ]);
    return found;
  }

  async #read(
    kind: Kind,
    pod: { workspace: string; namespace: string },
    name: string,
    fresh: boolean,
  ): Promise<KubeObject | undefined> {
    const key = keyFor(kind, pod, name);
    const informer = this.#watched.get(key)?.informer;
    const cached = informer?.list()[0];
    if (!fresh && informer?.isSynced) return cached;
    // Thirty pods of one Deployment that start together ask once.
    let reading = this.#reads.get(key);
    if (reading === undefined) {
      reading = this.#get(kind, pod, name).finally(() => this.#reads.delete(key));
      this.#reads.set(key, reading);
    }
    try {
      return await reading;
    } catch (error) {
      if (cached !== undefined) return cached;
      const what = `failed to sync ${kind} cache: ${messageOf(error)}`;
      throw new OrreryError('ObjectUnavailable', what, { cause: error });
    }
  }

  async #get(
    kind: Kind,
    pod: { workspace: string; namespace: string },
    name: string,
  ): Promise<KubeObject | undefined> {
    const resource = this.#options.client.in(pod.workspace).resource<KubeObject>(RESOURCES[kind]);
    const timeout = new AbortController();
    try {
      return await Promise.race([
        resource.get(name, pod.namespace),
        this.#options.clock.sleep(readTimeoutMs, timeout.signal).then(() => {
          throw new OrreryError('ObjectUnavailable', 'timed out waiting for the condition');
        }),
      ]);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    } finally {
      timeout.abort();
    }
  }

  #watch(key: string, kind: Kind, pod: { workspace: string; namespace: string }, name: string): Watched {
    const informer = new Informer<KubeObject>({
      client: this.#options.client.in(pod.workspace),
      resource: RESOURCES[kind],
      namespace: pod.namespace,
      fieldSelector: `metadata.name=${name}`,
      clock: this.#options.clock,
      log: this.#options.log,
    });
    const watched: Watched = { users: new Set(), informer, stop: new AbortController() };
    this.#watched.set(key, watched);
    const changed = () => this.#options.onChange([...watched.users]);
    informer.addHandler({ onAdd: changed, onUpdate: changed, onDelete: changed });
    if (this.#signal !== undefined) this.#run(watched);
    return watched;
  }

  #run(watched: Watched): void {
    const signal = AbortSignal.any([watched.stop.signal, this.#signal!]);
    watched.informer.run(signal).catch((error) => this.#options.log.error('a watch ended', { error }));
  }

  #drop(key: string, watched: Watched, podUid: string): void {
    if (!watched.users.delete(podUid) || watched.users.size > 0) return;
    watched.stop.abort();
    this.#watched.delete(key);
  }
}

function keyFor(kind: Kind, pod: { workspace: string; namespace: string }, name: string): string {
  return `${kind}:${makeKey(pod.workspace, pod.namespace, name)}`;
}
