import { createHash } from 'node:crypto';
import { AlreadyExists, BadRequest, messageOf, NotFound } from '../base/index.ts';
import type { Image, RegistryAccess } from '../engine/index.ts';
import type { corev1 } from '../kube/index.ts';
import type { Libpod } from '../libpod/index.ts';
import { containerEnvironment } from '../node/index.ts';
import { containerOptions } from './container-options.ts';
import { readDocuments } from './documents.ts';
import { type FoundObjects, secretsOf, storeSecret } from './objects.ts';
import { type PlayedPod, playedPods } from './played-pods.ts';
import { type PodSettings, podOptions } from './pod-options.ts';
import { containerMounts, createClaimedVolume, makePodVolumes, VOLUME_OF_POD } from './pod-volumes.ts';

export interface PlayOptions {
  /** The YAML. */
  content: string;
  /** Further YAML, each with one ConfigMap; `name` is for messages. */
  configMaps: { name: string; content: string }[];
  annotations: Record<string, string>;
  /** Of all pods; addresses go to one pod after the other. */
  pods: Omit<PodSettings, 'networkMode' | 'networkingConfig'>;
  networkMode?: string;
  endpoints: NonNullable<NonNullable<PodSettings['networkingConfig']>['EndpointsConfig']>;
  addresses: string[];
  macAddresses: string[];
  /** A container that ends with the last of the pods and goes with them (`--service-container`). */
  service?: boolean;
  start: boolean;
  replace: boolean;
  logDriver?: string;
  logOptions?: Record<string, string>;
  seccompRoot: string;
  registry: RegistryAccess;
  /** Makes the image when a folder for it is there. @returns whether it did. */
  build?: (image: string, isLocal: boolean) => Promise<boolean>;
  /** Told of each pod, line by line: what people should know. */
  warn: (line: string) => void;
}

export interface PlayReport {
  volumes: string[];
  secrets: string[];
  pods: { id: string; containers: string[]; errors: string[] }[];
}

/** Podman's: pods that are played find each other on it by name. */
const NETWORK = 'podman-default-kube-network';

/** Makes, and starts, everything in the YAML. @throws BadRequest Invalid NotFound */
export async function playKube(libpod: Libpod, options: PlayOptions): Promise<PlayReport> {
  const { documents, warnings } = await readDocuments(options.content);
  for (const warning of warnings) options.warn(warning);
  const configMaps = await readConfigMaps(options, documents);
  const toPlay = documents.filter(({ kind }) => kind === 'Pod' || kind === 'Deployment');
  // Everything is looked through before anything is made.
  const played = toPlay.flatMap((document) => playedPods(document, options.annotations));
  const report: PlayReport = { volumes: [], secrets: [], pods: [] };
  for (const { kind, object } of documents) {
    if (kind === 'Secret')
      report.secrets.push(
        await storeSecret(libpod.secrets, object as unknown as corev1.Secret, { replace: options.replace }),
      );
    if (kind === 'PersistentVolumeClaim')
      report.volumes.push(
        await createClaimedVolume(object as unknown as corev1.PersistentVolumeClaim, libpod.volumes),
      );
  }
  if (played.length === 0 && report.volumes.length + report.secrets.length === 0)
    throw new BadRequest(
      configMaps.size > 0
        ? 'ConfigMaps in podman are not a standalone object and must be used in a container'
        : 'YAML document does not contain any supported kube kind',
    );
  if (played.some((one) => needsNetwork(one, options))) await ensureNetwork(libpod);
  const service = options.service && played.length > 0 ? await createService(libpod, options.content) : {};
  for (const [index, one] of played.entries())
    report.pods.push(
      await playPod(libpod, one, configMaps, index, { ...options, pods: { ...options.pods, ...service } }),
    );
  return report;
}

/** Its name is made of the YAML, as Podman's is: whoever has the file finds it. */
async function createService(libpod: Libpod, content: string): Promise<{ serviceId: string }> {
  const name = `${createHash('sha256').update(content).digest('hex').slice(0, 12)}-service`;
  return { serviceId: await libpod.pods.createService(name) };
}

/** Stops and removes the pods of the YAML. Volumes of claims, and secrets, stay. */
export async function downKube(
  libpod: Libpod,
  content: string,
): Promise<{ stopped: string[]; removed: string[] }> {
  const { documents } = await readDocuments(content);
  const names = documents.flatMap(({ kind, object }) => {
    if (kind === 'Pod') return [object.metadata.name ?? ''];
    if (kind !== 'Deployment') return [];
    const replicas = (object as unknown as { spec: { replicas?: number } }).spec.replicas ?? 1;
    return Array.from({ length: replicas }, (_, index) => `${object.metadata.name}-pod-${index}`);
  });
  const report = { stopped: [] as string[], removed: [] as string[] };
  for (const name of names)
    if (await libpod.pods.exists(name)) report.stopped.push(await libpod.pods.stop(name));
  for (const name of names) {
    if (!(await libpod.pods.exists(name))) continue;
    report.removed.push(await libpod.pods.remove(name, { force: true }));
    await removePodVolumes(libpod, name);
  }
  return report;
}

async function removePodVolumes(libpod: Libpod, podName: string): Promise<void> {
  for (const volume of await libpod.volumes.list({ label: [`${VOLUME_OF_POD}=${podName}`] }))
    await libpod.volumes.remove(volume.Name, { force: true });
}

async function playPod(
  libpod: Libpod,
  played: PlayedPod,
  configMaps: ReadonlyMap<string, corev1.ConfigMap>,
  index: number,
  options: PlayOptions,
): Promise<PlayReport['pods'][number]> {
  const { pod } = played;
  const objects: FoundObjects = {
    configMaps: new Map(configMaps),
    secrets: await secretsOf(pod, libpod.secrets),
  };
  const id = await libpod.pods.create(podOptions(played, settingsOf(played, index, options)));
  const entry = { id, containers: [] as string[], errors: [] as string[] };
  try {
    const volumes = await makePodVolumes(pod, libpod.volumes, objects);
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const isInit = pod.spec.initContainers?.includes(container) === true;
      if (container.readinessProbe)
        options.warn(
          `readinessProbe of container ${container.name} has no effect: nothing waits for it here`,
        );
      const image = await ensureImage(libpod, played, container, options);
      const environment = containerEnvironment(pod, container, {
        ...objects,
        services: {},
        facts: { podIPs: [], hostIPs: [], allocatable: {} },
      });
      const mounts = await containerMounts(container, volumes, (expression) =>
        expression.replace(/\$\(([^)]+)\)/g, (_, name: string) => environment[name] ?? ''),
      );
      const create = containerOptions(played, {
        ...{ container, podId: id, image, environment, mounts, isInit, seccompRoot: options.seccompRoot },
        ...(options.logDriver !== undefined && { logDriver: options.logDriver }),
        ...(options.logOptions !== undefined && { logOptions: options.logOptions }),
      });
      const made = await libpod.containers.create(create);
      for (const warning of made.warnings) options.warn(warning);
      if (!isInit) entry.containers.push(made.id);
    }
  } catch (error) {
    await libpod.pods.remove(id, { force: true, timeoutSeconds: 0 });
    await removePodVolumes(libpod, pod.metadata.name);
    throw error;
  }
  if (options.start) {
    try {
      await libpod.pods.start(id);
    } catch (error) {
      entry.errors.push(messageOf(error));
    }
  }
  return entry;
}

function settingsOf(played: PlayedPod, index: number, options: PlayOptions): PodSettings {
  if (!needsNetwork(played, options) && Object.keys(options.endpoints).length === 0)
    return {
      ...options.pods,
      ...(options.networkMode !== undefined && { networkMode: options.networkMode }),
    };
  const endpoints = structuredClone(needsNetwork(played, options) ? { [NETWORK]: {} } : options.endpoints);
  const [first] = Object.keys(endpoints);
  const address = options.addresses[index];
  const mac = options.macAddresses[index];
  if ((address !== undefined || mac !== undefined) && Object.keys(endpoints).length !== 1)
    throw new BadRequest(
      'cannot set static ip addresses for more than network, use netname:ip=<ip> syntax to specify ips for more than network: invalid argument',
    );
  if (address !== undefined)
    endpoints[first!]!.IPAMConfig = address.includes(':')
      ? { IPv6Address: address }
      : { IPv4Address: address };
  if (mac !== undefined) endpoints[first!]!.MacAddress = mac;
  return {
    ...options.pods,
    networkMode: options.networkMode ?? first!,
    networkingConfig: { EndpointsConfig: endpoints },
  };
}

function needsNetwork(played: PlayedPod, options: PlayOptions): boolean {
  return (
    played.pod.spec.hostNetwork !== true &&
    options.networkMode === undefined &&
    Object.keys(options.endpoints).length === 0
  );
}

async function ensureNetwork(libpod: Libpod): Promise<void> {
  try {
    await libpod.networks.create({ Name: NETWORK });
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
}

async function readConfigMaps(
  options: PlayOptions,
  documents: readonly { kind: string; object: unknown }[],
): Promise<Map<string, corev1.ConfigMap>> {
  const found = new Map<string, corev1.ConfigMap>();
  for (const { kind, object } of documents)
    if (kind === 'ConfigMap') {
      const configMap = object as corev1.ConfigMap;
      found.set(configMap.metadata.name, configMap);
    }
  for (const { name, content } of options.configMaps) {
    for (const { kind, object } of (await readDocuments(content)).documents) {
      if (kind !== 'ConfigMap')
        throw new BadRequest(
          `"${name}": invalid YAML kind: "${kind}". [ConfigMap] is the only supported by --configmap`,
        );
      const configMap = object as unknown as corev1.ConfigMap;
      if (found.has(configMap.metadata.name))
        throw new BadRequest(
          `ambiguous configuration: the same config map ${configMap.metadata.name} is present in YAML and in --configmaps ${name} file`,
        );
      found.set(configMap.metadata.name, configMap);
    }
  }
  return found;
}

const POLICIES: Record<string, 'always' | 'missing' | 'never'> = {
  Always: 'always',
  IfNotPresent: 'missing',
  Never: 'never',
};

/** Built, where a folder for it is there, or pulled, as its policy says: without one, when there is a newer one. */
async function ensureImage(
  libpod: Libpod,
  played: PlayedPod,
  container: corev1.Container,
  options: PlayOptions,
): Promise<Image> {
  const { images } = libpod.engine;
  const reference = container.image ?? '';
  const local = await images.resolve(reference);
  const wasBuilt = (await options.build?.(reference, local !== undefined)) ?? false;
  const given = [...(played.given.spec.initContainers ?? []), ...played.given.spec.containers].find(
    ({ name }) => name === container.name,
  )?.imagePullPolicy;
  const policy = given === undefined ? 'newer' : (POLICIES[given] ?? 'newer');
  const isHere = wasBuilt || (local !== undefined && (policy === 'missing' || policy === 'never'));
  if (!isHere) await images.pull(reference, { ...options.registry, policy });
  const image = await images.resolve(reference);
  if (image === undefined) throw new NotFound(`${reference}: image not known`);
  return image;
}
