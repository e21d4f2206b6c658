import { Gone, type Log } from '../../base/index.ts';
import type { apiregistrationv1, Resource } from '../../kube/index.ts';
import type { StoredValue } from '../../store/index.ts';
import { decodeText } from '../http/messages.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import { DEFAULT_WORKSPACE, type RequestInfo } from '../request-info/request-info.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';

export type ApiService = apiregistrationv1.APIService;

/** An APIService as far as requests need it. */
export interface RegisteredVersion {
  /** Of the object: `v1.apps`. */
  name: string;
  group: string;
  version: string;
  groupPriority: number;
  versionPriority: number;
  /** Undefined: this server serves it itself. */
  backend: Backend | undefined;
  isAvailable: boolean;
  object: Readonly<ApiService>;
}

/** Where an extension API server is, and how it is told from others. */
export interface Backend {
  namespace: string;
  name: string;
  port: number;
  /** PEM; undefined: whom the host trusts. */
  ca: string | undefined;
  insecureSkipTlsVerify: boolean;
}

export type RemoteVersion = RegisteredVersion & { backend: Backend };

/** Ours whatever is registered: what everything else stands on. */
const OWN_GROUPS = new Set(['', 'apiregistration.k8s.io']);

/**
 * The APIServices in the store, by group and version, and what is served by somebody else. A group version has one
 * APIService, so one that names a service takes it over, custom and built-in resources alike, as upstream.
 */
export class ApiServices {
  readonly #storage: ObjectStorage;
  readonly #resource: Resource;
  readonly #log: Log;
  readonly #byKey = new Map<string, RegisteredVersion>();
  readonly #remote = new Map<string, RemoteVersion>();
  readonly #listeners: ((name: string, now: RegisteredVersion | undefined) => void)[] = [];

  constructor(parts: { storage: ObjectStorage; catalog: ResourceCatalog; log: Log }) {
    this.#storage = parts.storage;
    this.#log = parts.log;
    this.#resource = parts.catalog.findStored('apiregistration.k8s.io', 'apiservices')!;
  }

  get all(): Iterable<RegisteredVersion> {
    return this.#byKey.values();
  }

  get remote(): Iterable<RemoteVersion> {
    return this.#remote.values();
  }

  get hasRemote(): boolean {
    return this.#remote.size > 0;
  }

  /** The extension API server's version that a request is for. */
  findRemote(info: RequestInfo): RemoteVersion | undefined {
    if (this.#remote.size === 0) return undefined;
    if (info.type === 'resource') return this.#remote.get(`${info.group}/${info.version}`);
    const [root, group, version, more] = info.path.split('/').slice(1);
    return root === 'apis' && more === undefined ? this.#remote.get(`${group}/${version}`) : undefined;
  }

  named(name: string): RegisteredVersion | undefined {
    for (const one of this.#byKey.values()) if (one.name === name) return one;
    return undefined;
  }

  /** Told of every APIService that is there, changes or goes. */
  onChange(listener: (name: string, now: RegisteredVersion | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** Resolves once what is stored is known; follows in the background until `signal` aborts. */
  async start(signal: AbortSignal): Promise<void> {
    const revision = await this.#list();
    this.#follow(revision, signal).catch((error: unknown) => {
      this.#log.error('API services are followed no more', { error });
    });
  }

  async #list(): Promise<number> {
    const prefix = this.#storage.prefixOf(this.#resource, DEFAULT_WORKSPACE);
    const { items, revision } = await this.#storage.list({ prefix });
    const there = new Set(items.map(({ key }) => key));
    for (const key of [...this.#byKey.keys()]) if (!there.has(key)) this.#forget(key);
    for (const item of items) this.#learn(item);
    return revision;
  }

  async #follow(from: number, signal: AbortSignal): Promise<void> {
    const prefix = this.#storage.prefixOf(this.#resource, DEFAULT_WORKSPACE);
    let after = from;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#storage.store.watch({ prefix, after, signal })) {
          after = batch.revision;
          for (const event of batch.events)
            if (event.type === 'delete') this.#forget(event.key);
            else this.#learn(event);
        }
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        after = await this.#list();
      }
    }
  }

  #learn({ key, value }: Pick<StoredValue, 'key' | 'value'>): void {
    const registered = registeredVersion(JSON.parse(decodeText(value)) as ApiService);
    const id = `${registered.group}/${registered.version}`;
    this.#byKey.set(key, registered);
    if (isRemote(registered)) this.#remote.set(id, registered);
    else this.#remote.delete(id);
    for (const listener of this.#listeners) listener(registered.name, registered);
  }

  #forget(key: string): void {
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    this.#remote.delete(`${known.group}/${known.version}`);
    for (const listener of this.#listeners) listener(known.name, undefined);
  }
}

export function isRemote(one: RegisteredVersion | undefined): one is RemoteVersion {
  return one?.backend !== undefined && !OWN_GROUPS.has(one.group);
}

function registeredVersion(object: ApiService): RegisteredVersion {
  const { group = '', version = '', groupPriorityMinimum, versionPriority, service } = object.spec ?? {};
  const available = object.status?.conditions?.find(({ type }) => type === 'Available');
  const { caBundle = '', insecureSkipTLSVerify = false } = object.spec ?? {};
  return {
    name: object.metadata.name,
    group,
    version,
    groupPriority: groupPriorityMinimum ?? 0,
    versionPriority: versionPriority ?? 0,
    backend: service && {
      namespace: service.namespace ?? '',
      name: service.name ?? '',
      port: service.port ?? 443,
      ca: caBundle === '' ? undefined : Buffer.from(caBundle, 'base64').toString(),
      insecureSkipTlsVerify: insecureSkipTLSVerify,
    },
    isAvailable: available?.status === 'True',
    object,
  };
}
