import { Backoff, Gone, type Log, messageOf } from '../../base/index.ts';
import { localAvailability, type Resource } from '../../kube/index.ts';
import type { StoreEvent } from '../../store/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { decodeText, MASTERS_GROUP, type User } from '../http/messages.ts';
import { addressOf } from '../storage/keys.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import type { ApiService, ApiServices, Backend, RegisteredVersion } from './api-services.ts';
import { isRemote } from './api-services.ts';
import { checkService, failedDiscovery, PASSED, type Verdict } from './availability.ts';
import { type BackendClient, BackendUnreachable } from './backend-client.ts';

/** Whom the backend is asked for; it knows the groups, so it is always let in. */
export const AGGREGATOR: User = { name: 'system:kube-aggregator', groups: [MASTERS_GROUP] };

const ATTEMPTS = 5;
const PROBE_TIMEOUT_MS = 5_000;
const RESYNC_MS = 30_000;
const RETRY = { baseMs: 5, maxMs: RESYNC_MS };

export interface AvailabilityParts {
  services: ApiServices;
  backends: BackendClient;
  objects: StoredObjects;
  storage: ObjectStorage;
  resources: { services: Resource; endpointSlices: Resource };
  /** Stores the status, as any client does. */
  store(service: ApiService): Promise<void>;
  /** Called before a backend that answers is declared available: whatever is to be known of it by then. */
  prepare(version: RegisteredVersion): Promise<void>;
  /** Undefined: the APIService has gone. */
  observed(name: string, verdict: Verdict | undefined, before: Verdict | undefined): void;
  now(): string;
  log: Log;
}

/**
 * Keeps the Available condition of every APIService: at changes of it, of its service and of the service's endpoints,
 * every 30 seconds, and with back-off while it fails.
 *
 * Source: k8s.io/kube-aggregator/pkg/controllers/status/{local,remote}.
 */
export class AvailabilityController {
  readonly #parts: AvailabilityParts;
  readonly #backoff = new Backoff(RETRY);
  /** Checks under way, and whether something has changed meanwhile. */
  readonly #running = new Map<string, { again: boolean }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #signal: AbortSignal | undefined;

  constructor(parts: AvailabilityParts) {
    this.#parts = parts;
    parts.services.onChange((name, now) => this.#changed(name, now));
  }

  start(signal: AbortSignal): void {
    this.#signal = signal;
    const { resources, services } = this.#parts;
    for (const { name } of services.all) this.#enqueue(name);
    for (const resource of [resources.services, resources.endpointSlices])
      this.#follow(resource, signal).catch((error: unknown) => {
        this.#parts.log.error('services of extension API servers are followed no more', { error });
      });
    signal.addEventListener('abort', () => {
      for (const timer of this.#timers.values()) clearTimeout(timer);
      this.#timers.clear();
    });
  }

  #changed(name: string, now: RegisteredVersion | undefined): void {
    if (now === undefined) this.#backoff.forget(name);
    this.#enqueue(name);
  }

  async #follow(resource: Resource, signal: AbortSignal): Promise<void> {
    const { storage } = this.#parts;
    const prefix = storage.prefixOf(resource, '*');
    const isService = resource === this.#parts.resources.services;
    let after = storage.store.revision();
    while (!signal.aborted) {
      try {
        for await (const batch of storage.store.watch({ prefix, after, signal })) {
          after = batch.revision;
          if (!this.#parts.services.hasRemote) continue;
          for (const event of batch.events) this.#touched(event, isService);
        }
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
        after = storage.store.revision();
        for (const { name } of this.#parts.services.remote) this.#enqueue(name);
      }
    }
  }

  #touched(event: StoreEvent, isService: boolean): void {
    const { namespace, name } = addressOf(event.key);
    for (const one of this.#parts.services.remote) {
      if (one.backend.namespace !== namespace) continue;
      const isIts = isService ? one.backend.name === name : belongsTo(event, one.backend);
      if (isIts) this.#enqueue(one.name);
    }
  }

  #enqueue(name: string): void {
    if (this.#signal === undefined || this.#signal.aborted) return;
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    const running = this.#running.get(name);
    if (running !== undefined) {
      running.again = true;
      return;
    }
    this.#running.set(name, { again: false });
    void this.#reconcile(name);
  }

  async #reconcile(name: string): Promise<void> {
    let delayMs: number | undefined;
    try {
      const isWell = await this.#check(name);
      if (isWell) this.#backoff.forget(name);
      delayMs = isWell ? RESYNC_MS : this.#backoff.next(name);
    } catch (error) {
      this.#parts.log.debug('an APIService could not be checked', { name, error: messageOf(error) });
      delayMs = this.#backoff.next(name);
    }
    const { again } = this.#running.get(name)!;
    this.#running.delete(name);
    if (again) return this.#enqueue(name);
    if (!isRemote(this.#parts.services.named(name)) || this.#signal!.aborted) return;
    const timer = setTimeout(() => this.#enqueue(name), delayMs);
    timer.unref();
    this.#timers.set(name, timer);
  }

  /** False when the backend failed to answer: it is to be asked again soon. */
  async #check(name: string): Promise<boolean> {
    const version = this.#parts.services.named(name);
    if (version === undefined) {
      this.#parts.observed(name, undefined, undefined);
      return true;
    }
    if (!isRemote(version)) {
      await this.#store(version, localAvailability(undefined));
      return true;
    }
    const found = await checkService(this.#parts.objects, version.backend);
    const verdict = found ?? (await this.#probe(version.backend, version));
    if (verdict === PASSED && !version.isAvailable) await this.#parts.prepare(version);
    await this.#store(version, verdict);
    return verdict.reason !== 'FailedDiscoveryCheck';
  }

  /** One good answer suffices: of several endpoints one may be down. */
  async #probe(backend: Backend, version: RegisteredVersion): Promise<Verdict> {
    const path = `/apis/${version.group}/${version.version}`;
    const first = await this.#ask(backend, path);
    if (first === undefined) return PASSED;
    const more = await Promise.all(Array.from({ length: ATTEMPTS - 1 }, () => this.#ask(backend, path)));
    return more.includes(undefined) ? PASSED : failedDiscovery(more.at(-1) ?? first);
  }

  /** What went wrong, in upstream's words. */
  async #ask(backend: Backend, path: string): Promise<string | undefined> {
    const address = await this.#parts.backends.resolve(backend);
    if (address === undefined) return `no endpoints available for service ${JSON.stringify(backend.name)}`;
    const { host, port } = address;
    const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
    const signal = AbortSignal.any([AbortSignal.timeout(PROBE_TIMEOUT_MS), this.#signal!]);
    try {
      const { response, upgraded } = await this.#parts.backends.send(backend, {
        method: 'GET',
        path,
        headers: { accept: 'application/json', 'user-agent': 'kube-apiserver' },
        user: AGGREGATOR,
        signal,
      });
      upgraded?.socket.destroy();
      response.resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) return undefined;
      return `failing or missing response from ${url}: bad status from ${url}: ${status}`;
    } catch (error) {
      const why =
        error instanceof BackendUnreachable
          ? `Get ${JSON.stringify(url)}: ${error.message}`
          : messageOf(error);
      return `failing or missing response from ${url}: ${why}`;
    }
  }

  async #store({ object, name }: RegisteredVersion, verdict: Verdict): Promise<void> {
    const conditions = object.status?.conditions ?? [];
    const known = conditions.find(({ type }) => type === 'Available');
    const isSame =
      known?.status === verdict.status &&
      known.reason === verdict.reason &&
      known.message === verdict.message;
    this.#parts.observed(name, verdict, known);
    if (isSame) return;
    const since = known?.status === verdict.status ? known.lastTransitionTime : undefined;
    const next = { ...verdict, type: 'Available', lastTransitionTime: since ?? this.#parts.now() };
    const others = conditions.filter(({ type }) => type !== 'Available');
    await this.#parts.store({ ...object, status: { conditions: [...others, next] } });
  }
}

function belongsTo(event: StoreEvent, { name }: Backend): boolean {
  const slice = JSON.parse(decodeText(event.value)) as { metadata: { labels?: Record<string, string> } };
  return slice.metadata.labels?.['kubernetes.io/service-name'] === name;
}
