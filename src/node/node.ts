import { join } from 'node:path';
import type { Clock, Log } from '../base/index.ts';
import {
  BackgroundEventRecorder,
  type Client,
  InformerFactory,
  SERVICES,
  workspaceOf,
} from '../client/index.ts';
import { type Engine, engineRequirements, type RegistryAccess } from '../engine/index.ts';
import { type corev1, ROOT_WORKSPACE } from '../kube/index.ts';
import { containerResources } from './containers/container-resources.ts';
import { ContainerStarter } from './containers/container-starter.ts';
import { ContainerStopper } from './containers/container-stopper.ts';
import { PodImages } from './containers/pod-images.ts';
import type { PodLookup } from './pod-lookup.ts';
import { ContainerCache } from './pods/container-cache.ts';
import { admitPod, admitResize } from './pods/pod-admission.ts';
import { PodEvents } from './pods/pod-events.ts';
import { PodManager } from './pods/pod-manager.ts';
import { PodSandboxes } from './pods/pod-sandbox.ts';
import type { PodServices } from './pods/pod-services.ts';
import { StatusWriter } from './pods/status-writer.ts';
import { Prober } from './probes/prober.ts';
import { type HostFacts, readHostFacts } from './registration/host-facts.ts';
import { NodeLease } from './registration/node-lease.ts';
import { NodeRegistration } from './registration/node-registration.ts';
import { nodeAllocatable, nodeLabels } from './registration/node-status.ts';
import { createNodeServer } from './server/index.ts';
import { createServiceRules } from './services/index.ts';
import { LocalPathFolders } from './volumes/local-path-folders.ts';
import { PersistentVolumes } from './volumes/persistent-volumes.ts';
import { PodVolumes } from './volumes/pod-volumes.ts';
import { ReferencedObjects } from './volumes/referenced-objects.ts';
import { ServiceAccountTokens } from './volumes/service-account-tokens.ts';

export interface NodeOptions {
  name: string;
  /** InternalIP. */
  ip: string;
  /** Everything the node owns on disk, beside the engine's. */
  directory: string;
  /** Where volumes of class `local-path` are folders; without it this node makes none. */
  storageDirectory?: string;
  /** Six hex digits that keep two Orreries on one host apart. */
  instance: string;
  engine: Engine;
  /** How images are pulled: the host's registries.conf, policy and certificates. */
  registries?: RegistryAccess;
  /** With the node's own identity. */
  client: Client;
  /** Addresses of this node's pods: the engine's subnet. */
  podCidr: string;
  /** Where cluster IPs are from; without it, a host without a default route does not reach them itself. */
  serviceCidr?: string;
  server: {
    tls: { keyPem: string; certPem: string; caPem: string };
    host: string;
    /** 0 takes any free one. */
    port: number;
  };
  /** Orrery's own, without a `v`. */
  version: string;
  /** Default: cluster.local. */
  clusterDomain?: string;
  /** Addresses of the cluster's DNS servers; none yet. */
  clusterDns?: readonly string[];
  clock: Clock;
  log: Log;
}

export interface Node {
  /** Runs until `signal` aborts; containers go on. @throws OrreryError when the node's server cannot listen */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when the Node object shows this node's state, its server listens and its pods are known. */
  ready(): Promise<NodeReady>;
  readonly pods: PodLookup;
}

export interface NodeReady {
  serverPort: number;
  /** Why containers cannot run on this machine; undefined when they can. */
  problem?: string;
}

/** The kubelet's part of Orrery: this machine's Node, its pods, its server and its service rules. */
export async function createNode(options: NodeOptions): Promise<Node> {
  const host = await readHostFacts(options.directory);
  return new LocalNode(options, host);
}

const userAgent = 'kube-probe/1.36';
/** A container that starts without an API server does without the variables of services. */
const servicesPatienceMs = 3_000;

class LocalNode implements Node {
  readonly #options: NodeOptions;
  readonly #recorder: BackgroundEventRecorder;
  readonly #informers: InformerFactory;
  readonly #objects: ReferencedObjects;
  readonly #manager: PodManager;
  readonly #folders: LocalPathFolders | undefined;
  readonly #ready = Promise.withResolvers<NodeReady>();

  constructor(options: NodeOptions, host: HostFacts) {
    this.#options = options;
    const { client, clock, log, name, storageDirectory } = options;
    this.#folders =
      storageDirectory === undefined
        ? undefined
        : new LocalPathFolders({ client, clock, log, nodeName: name, directory: storageDirectory });
    this.#recorder = new BackgroundEventRecorder({
      client,
      component: 'kubelet',
      host: options.name,
      clock,
      log,
    });
    // Services of other workspaces must not be reached, nor may they take addresses from those of this one.
    this.#informers = new InformerFactory({ client, clock, log, workspace: ROOT_WORKSPACE });
    this.#objects = new ReferencedObjects({
      client,
      clock,
      log,
      onChange: (podUids) => this.#manager.objectsChanged(podUids),
    });
    this.#manager = new PodManager(this.#podServices(host), options.name);
    this.#ready.promise.catch(() => undefined);
  }

  get pods(): PodLookup {
    return this.#manager;
  }

  ready(): Promise<NodeReady> {
    return this.#ready.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, engine, log, name, server } = this.#options;
    const nodeServer = createNodeServer({
      pods: this.#manager,
      engine,
      log,
      clock,
      nodeName: name,
      ...server,
    });
    let serverPort: number;
    try {
      serverPort = (await nodeServer.listen()).port;
    } catch (error) {
      this.#ready.reject(error);
      throw error;
    }
    const registration = this.#registration(serverPort);
    const lease = new NodeLease({ client: this.#options.client, clock, log });
    const running = [
      this.#recorder.run(signal),
      this.#manager.run(signal),
      registration.run(signal),
      registration.registered().then((node) => lease.run(node, signal)),
      this.#runServices(signal),
      ...(this.#folders === undefined ? [] : [this.#folders.run(signal)]),
    ];
    const started = Promise.all([registration.registered(), this.#manager.synced()]).then(async () => {
      const problem = await engineProblem();
      this.#ready.resolve({ serverPort, ...(problem !== undefined && { problem }) });
    });
    try {
      await Promise.race([Promise.all([...running, started]), stopped(signal)]);
    } catch (error) {
      this.#ready.reject(error);
      throw error;
    } finally {
      await nodeServer.close();
    }
  }

  #registration(serverPort: number): NodeRegistration {
    const { client, clock, directory, engine, ip, log, name, version } = this.#options;
    return new NodeRegistration({
      identity: { name, ip, version },
      client,
      engine,
      events: this.#recorder,
      clock,
      log,
      directory,
      serverPort,
      problem: engineProblem,
    });
  }

  /** Without the programs for it there are no service rules; the Node object says what is missing. */
  async #runServices(signal: AbortSignal): Promise<void> {
    const { clock, instance, ip, log, name, podCidr, serviceCidr } = this.#options;
    this.#informers.informer<corev1.Service>(SERVICES);
    const informing = this.#informers.run(signal);
    if ((await engineProblem()) === undefined) {
      const rules = createServiceRules({
        informers: this.#informers,
        instance,
        nodeName: name,
        nodeIps: [ip],
        podCidr,
        ...(serviceCidr !== undefined && { serviceCidr }),
        bridge: `orr${instance}`,
        log,
        clock,
        events: this.#recorder.for('kube-proxy'),
      });
      await rules.run(signal);
    }
    await informing;
  }

  async #pullSecrets(pod: corev1.Pod): Promise<corev1.Secret[]> {
    const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [name] : []));
    if (names.length === 0) return [];
    const where = { workspace: workspaceOf(pod), namespace: pod.metadata.namespace ?? '' };
    const found = await this.#objects.read(where, { configMaps: [], secrets: names }, { fresh: true });
    return [...found.secrets.values()];
  }

  #podServices(host: HostFacts): PodServices {
    const { client, clock, directory, engine, instance, ip, log, name, version } = this.#options;
    const events = new PodEvents(this.#recorder);
    const tokens = new ServiceAccountTokens({ client, clock });
    const images = new PodImages({
      images: engine.images,
      events,
      clock,
      pullSecrets: (pod) => this.#pullSecrets(pod),
      ...(this.#options.registries && { registries: this.#options.registries }),
    });
    const allocatable = nodeAllocatable(host);
    const labels = nodeLabels({ name, ip, version }, host);
    const services = this.#informers.informer<corev1.Service>(SERVICES);
    return {
      engine,
      client,
      clock,
      log,
      events,
      containers: new ContainerCache(engine),
      sandboxes: new PodSandboxes({ networks: engine.networks, clock, bootId: host.bootId }),
      volumes: new PodVolumes({
        objects: this.#objects,
        tokens,
        persistent: new PersistentVolumes({ client, nodeName: name, folders: this.#folders }),
      }),
      objects: this.#objects,
      tokens,
      images,
      starter: new ContainerStarter({
        engine,
        images,
        objects: this.#objects,
        events,
        clock,
        log,
        cgroupParent: (podUid) => `/orrery-${instance}/pod-${podUid}`,
        nodeMemoryBytes: host.memoryBytes,
        seccompDirectory: join(directory, 'seccomp'),
        userAgent,
      }),
      stopper: new ContainerStopper({ engine, events, clock, log, userAgent }),
      prober: new Prober({
        engine,
        clock,
        log,
        userAgent,
        onChange: (podUid) => this.#manager.wake(podUid),
        onUnhealthy: (pod, container, message) =>
          events.container(pod, container, 'Warning', 'Unhealthy', message),
      }),
      statuses: new StatusWriter({ client, clock, log }),
      nodeDirectory: directory,
      hostIPs: [ip],
      allocatable,
      clusterDomain: this.#options.clusterDomain ?? 'cluster.local',
      clusterDns: this.#options.clusterDns ?? [],
      services: async () => {
        if (!services.isSynced) {
          const timeout = new AbortController();
          await Promise.race([
            services.synced(),
            // Rejects when the timer is not needed any more.
            clock.sleep(servicesPatienceMs, timeout.signal).catch(() => undefined),
          ]);
          timeout.abort();
        }
        return services.list();
      },
      admit: (pod) =>
        admitPod({
          pod,
          others: this.#manager.activeBeside(pod.metadata.uid),
          allocatable,
          nodeLabels: labels,
        }),
      admitResize: (pod) =>
        admitResize({ pod, others: this.#manager.activeBeside(pod.metadata.uid), allocatable }),
      resourcesOf: (pod, container) => containerResources(pod, container, host.memoryBytes),
    };
  }
}

async function engineProblem(): Promise<string | undefined> {
  const { missing } = await engineRequirements();
  if (missing.length === 0) return undefined;
  const what = missing.map(({ name, why }) => `${name} (${why})`).join(', ');
  const packages = [...new Set(missing.map((one) => one.package).filter((one) => one !== ''))];
  const hint = packages.length > 0 ? `; apt-get install ${packages.join(' ')}` : '';
  return `container runtime is not usable: missing ${what}${hint}`;
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
