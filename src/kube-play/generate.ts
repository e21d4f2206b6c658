import { stat } from 'node:fs/promises';
import { BadRequest, Conflict, NotFound } from '../base/index.ts';
import type { ImageConfig } from '../engine/index.ts';
import type { corev1 } from '../kube/index.ts';
import type { ContainerInspect, Libpod, PodListEntry, VolumeConfig } from '../libpod/index.ts';
import { generatedService } from './generated-service.ts';

export interface GenerateOptions {
  /** Names or ids of containers, pods, volumes. */
  names: readonly string[];
  service?: boolean;
  /** `orrery-1.2`: who made it, in the header. */
  creator: string;
  warn: (line: string) => void;
}

interface MadeContainer {
  container: corev1.Container;
  volumes: corev1.Volume[];
  annotations: Record<string, string>;
}

const SHARING_NOTE = `
# NOTE: The namespace sharing for a pod has been modified by the user and is not the same as the
# default settings for kubernetes. This can lead to unexpected behavior when running the generated
# kube yaml in a kubernetes cluster.
`;

const LONGEST_ANNOTATION = 63;

/** The YAML of containers, pods and volumes, in Podman's shape. @throws NotFound @throws Conflict for a pod without containers */
export async function generateKube(libpod: Libpod, options: GenerateOptions): Promise<string> {
  const containers: ContainerInspect[] = [];
  const pods: PodListEntry[] = [];
  const volumes: VolumeConfig[] = [];
  for (const name of options.names) {
    if (await libpod.containers.exists(name)) containers.push(await aloneContainer(libpod, name));
    else if (await libpod.pods.exists(name)) pods.push(await libpod.pods.inspect(name));
    else if (await libpod.volumes.exists(name)) volumes.push(await libpod.volumes.inspect(name));
    else throw new NotFound(`name or ID ${JSON.stringify(name)} not found`);
  }
  const documents: object[] = volumes.map(claimOf);
  const services: object[] = [];
  const made: corev1.Pod[] = [];
  for (const pod of pods) made.push(await podOf(libpod, pod, options));
  if (containers.length > 0) made.push(await podOfContainers(libpod, containers, options));
  if (options.service) for (const pod of made) services.push(generatedService(pod));
  const { stringify } = await import('yaml');
  const print = (document: object) =>
    stringify(document, { version: '1.1', aliasDuplicateObjects: false, lineWidth: 0, sortMapEntries: true });
  const usual = ['ipc', 'net', 'uts'];
  const note = pods.some(({ sharedNamespaces }) => usual.some((one) => !sharedNamespaces.includes(one)));
  return [
    '# Save the output of this file and use kubectl create -f to import',
    '# it into Kubernetes.',
    '#',
    `# Created with ${options.creator}`,
    ...(note ? [SHARING_NOTE] : []),
    [...documents, ...services, ...made].map(print).join('---\n'),
  ].join('\n');
}

async function aloneContainer(libpod: Libpod, name: string): Promise<ContainerInspect> {
  const container = await libpod.containers.inspect(name);
  if (container.podId === undefined) return container;
  throw new BadRequest(
    `container ${container.id} is associated with pod ${container.podId}: use generate on the pod itself`,
  );
}

async function podOf(libpod: Libpod, pod: PodListEntry, options: GenerateOptions): Promise<corev1.Pod> {
  if (pod.containers.length === 0) throw new Conflict(`pod ${pod.id} has no containers`);
  const members = pod.containers.filter(({ id }) => id !== pod.infraId);
  if (members.length === 0) throw new Conflict(`pod ${pod.id} only has an infra container`);
  const inspected: ContainerInspect[] = [];
  for (const { id } of members) inspected.push(await libpod.containers.inspect(id));
  const made = await makeAll(libpod, inspected, options, pod);
  const host = pod.options.hostConfig ?? {};
  const isInit = (index: number) => inspected[index]!.options.Podman?.InitContainerType !== undefined;
  const first = made.findIndex((_, index) => !isInit(index));
  for (const [index, { container }] of made.entries()) {
    container.resources ??= {};
    if (!pod.sharedNamespaces.includes('net')) continue;
    delete container.ports;
    const ports = index === first ? portsOf(host.PortBindings) : [];
    if (ports.length > 0) container.ports = ports;
  }
  return {
    ...podObject(pod.name, made, {
      initContainers: made.filter((_, index) => isInit(index)).map(({ container }) => container),
      containers: made.filter((_, index) => !isInit(index)).map(({ container }) => container),
      ...(pod.hostname !== '' || pod.sharedNamespaces.includes('uts')
        ? { hostname: pod.hostname || pod.name }
        : {}),
      ...(host.NetworkMode === 'host' && { hostNetwork: true }),
      ...(pod.sharedNamespaces.includes('pid') && { shareProcessNamespace: true }),
      ...hostAliases(host.ExtraHosts),
      ...dnsConfig(host),
      restartPolicy: restartPolicyOf(inspected.find((_, index) => !isInit(index)) ?? inspected[0]!),
    }),
    status: {},
  } as corev1.Pod;
}

async function podOfContainers(
  libpod: Libpod,
  containers: readonly ContainerInspect[],
  options: GenerateOptions,
): Promise<corev1.Pod> {
  const made = await makeAll(libpod, containers, options);
  const first = containers[0]!;
  const named = containers.find(({ id, config }) => config.Hostname && !id.startsWith(config.Hostname));
  return podObject(`${kubeName(first.name)}-pod`, made, {
    containers: made.map(({ container }) => container),
    ...(named && { hostname: named.config.Hostname }),
    ...(containers.every(({ hostConfig }) => hostConfig.NetworkMode === 'host') && { hostNetwork: true }),
    ...hostAliases(containers.flatMap(({ hostConfig }) => hostConfig.ExtraHosts ?? [])),
    ...dnsConfig(first.hostConfig),
  });
}

function podObject(
  name: string,
  made: readonly MadeContainer[],
  spec: Omit<corev1.PodSpec, 'volumes' | 'initContainers'> & { initContainers?: corev1.Container[] },
): corev1.Pod {
  const volumes = [
    ...new Map(made.flatMap((one) => one.volumes.map((volume) => [volume.name, volume]))).values(),
  ];
  const { initContainers, ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { app: kubeName(name) },
      annotations: Object.assign({}, ...made.map(({ annotations }) => annotations)) as Record<string, string>,
      creationTimestamp: now(),
    },
    spec: {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      ...rest,
      ...(initContainers?.length && { initContainers }),
      ...(volumes.length > 0 && { volumes }),
    },
  } as unknown as corev1.Pod;
}

async function makeAll(
  libpod: Libpod,
  containers: readonly ContainerInspect[],
  options: GenerateOptions,
  pod?: PodListEntry,
): Promise<MadeContainer[]> {
  const made: MadeContainer[] = [];
  for (const container of containers) {
    const image = await libpod.engine.images.resolve(container.imageId);
    made.push(await makeContainer(container, image?.config ?? {}, options, pod));
  }
  return made;
}

async function makeContainer(
  inspected: ContainerInspect,
  image: ImageConfig,
  options: GenerateOptions,
  pod?: PodListEntry,
): Promise<MadeContainer> {
  const { Config: own, HostConfig: host, Podman: podman } = inspected.options;
  if (host.Devices?.length && !host.Privileged) throw new BadRequest('linux devices: not yet implemented');
  const name = kubeName(inspected.name);
  const { mounts, volumes } = await mountsOf(inspected);
  const ports = portsOf(host.PortBindings);
  const env = (own.Env ?? []).filter((line) => line.includes('=') && !(image.Env ?? []).includes(line));
  const container: corev1.Container = {
    name,
    image: inspected.image,
    ...commandOf(own, image),
    ...(env.length > 0 && {
      env: env.map((line) => ({
        name: line.slice(0, line.indexOf('=')),
        value: line.slice(line.indexOf('=') + 1),
      })),
    }),
    ...(own.WorkingDir && own.WorkingDir !== '/' && own.WorkingDir !== image.WorkingDir
      ? { workingDir: own.WorkingDir }
      : {}),
    ...(ports.length > 0 && { ports }),
    ...(mounts.length > 0 && { volumeMounts: mounts }),
    ...(own.Tty && { tty: true }),
    ...(own.OpenStdin && { stdin: true }),
    ...limitsOf(host),
    securityContext: securityOf(inspected, image),
  };
  const facts: Record<string, string> = {
    'io.kubernetes.cri-o.TTY': String(own.Tty === true),
    'io.podman.annotations.autoremove': upper(host.AutoRemove),
    'io.podman.annotations.init': upper(host.Init),
    'io.podman.annotations.privileged': upper(host.Privileged),
    'io.podman.annotations.publish-all': upper(host.PublishAllPorts),
    ...(pod && {
      'io.kubernetes.cri-o.ContainerType': 'container',
      'io.kubernetes.cri-o.SandboxID': pod.infraId ?? pod.id,
    }),
    ...(podman?.InitContainerType && {
      'io.podman.annotations.init.container.type': podman.InitContainerType,
    }),
    ...host.Annotations,
  };
  const annotations = Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [`${key}/${name}`, shortened(value, options)]),
  );
  return { container, volumes, annotations };
}

function upper(value: boolean | undefined): string {
  return value ? 'TRUE' : 'FALSE';
}

function shortened(value: string, options: GenerateOptions): string {
  const text = value.trim();
  if (text.length < LONGEST_ANNOTATION) return text;
  const cut = text.slice(0, LONGEST_ANNOTATION);
  options.warn(
    `Truncation Annotation: ${JSON.stringify(text)} to ${JSON.stringify(cut)}: Kubernetes only allows 63 characters`,
  );
  return cut;
}

/** What the image says by itself is left to the image. */
function commandOf(
  own: ContainerInspect['options']['Config'],
  image: ImageConfig,
): Pick<corev1.Container, 'command' | 'args'> {
  const args = own.Cmd?.length ? { args: own.Cmd } : {};
  if (own.Entrypoint?.some((word) => word !== '')) return { command: own.Entrypoint, ...args };
  if (image.Entrypoint?.length && own.Entrypoint === undefined) return args;
  return own.Cmd?.length ? { command: own.Cmd } : {};
}

async function mountsOf(
  inspected: ContainerInspect,
): Promise<{ mounts: corev1.VolumeMount[]; volumes: corev1.Volume[] }> {
  const mounts: corev1.VolumeMount[] = [];
  const volumes: corev1.Volume[] = [];
  for (const [index, point] of inspected.mountPoints.entries()) {
    const readOnly = point.readWrite ? {} : { readOnly: true };
    if (point.type === 'volume' && point.name !== undefined) {
      const name = `${point.name}-pvc`;
      mounts.push({ name, mountPath: point.destination, ...readOnly });
      volumes.push({ name, persistentVolumeClaim: { claimName: point.name, ...readOnly } } as corev1.Volume);
    }
    if (point.type !== 'bind') continue;
    const path = point.source.replace(/^\/+|\/+$/g, '').replaceAll('/', '-') || 'root';
    const name = `${path}-host-${index}`;
    mounts.push({ name, mountPath: point.destination, ...readOnly });
    volumes.push({
      name,
      hostPath: { path: point.source, type: await hostPathType(point.source) },
    } as corev1.Volume);
  }
  return { mounts, volumes };
}

async function hostPathType(path: string): Promise<string> {
  try {
    return (await stat(path)).isDirectory() ? 'Directory' : 'File';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'DirectoryOrCreate';
    throw error;
  }
}

function portsOf(bindings: ContainerInspect['hostConfig']['PortBindings']): corev1.ContainerPort[] {
  return Object.entries(bindings ?? {}).flatMap(([port, hosts]) => {
    const [number, protocol = 'tcp'] = port.split('/');
    return (hosts ?? []).map(({ HostIp, HostPort }) => ({
      containerPort: Number(number),
      ...(HostPort && { hostPort: Number(HostPort) }),
      ...(HostIp && { hostIP: HostIp }),
      ...(protocol !== 'tcp' && { protocol: protocol.toUpperCase() }),
    }));
  });
}

function limitsOf(host: ContainerInspect['hostConfig']): Pick<corev1.Container, 'resources'> {
  const milli =
    host.NanoCpus !== undefined && host.NanoCpus > 0
      ? host.NanoCpus / 1e6
      : host.CpuQuota && host.CpuQuota > 0
        ? (1000 * host.CpuQuota) / (host.CpuPeriod || 100_000)
        : 0;
  const limits = {
    ...(milli >= 1 && { cpu: milli % 1000 === 0 ? String(milli / 1000) : `${Math.floor(milli)}m` }),
    ...(host.Memory && { memory: String(host.Memory) }),
  };
  return Object.keys(limits).length === 0 ? {} : { resources: { limits } };
}

/** What runtimes grant by default beyond what Podman does: dropped by name, so that a cluster drops it too. */
const NOT_GRANTED = ['CAP_MKNOD', 'CAP_NET_RAW', 'CAP_AUDIT_WRITE'];

function securityOf(inspected: ContainerInspect, image: ImageConfig): corev1.SecurityContext {
  const { HostConfig: host, Config: own } = inspected.options;
  const add = (host.CapAdd ?? []).map(capability);
  const drop = [
    ...NOT_GRANTED.filter((one) => !add.includes(one)),
    ...(host.CapDrop ?? []).map(capability).filter((one) => !NOT_GRANTED.includes(one)),
  ];
  const user = own.User && own.User !== image.User ? /^(\d+)(?::(\d+))?$/.exec(own.User) : null;
  const levels = (host.SecurityOpt ?? []).flatMap((option) => {
    const label = /^label[=:](user|role|type|level)[:=](.*)$/.exec(option);
    return label === null ? [] : [[label[1]!, label[2]!]];
  });
  return {
    ...(host.Privileged
      ? { privileged: true }
      : { capabilities: { ...(add.length > 0 && { add }), ...(drop.length > 0 && { drop }) } }),
    ...(host.ReadonlyRootfs && { readOnlyRootFilesystem: true }),
    ...(host.SecurityOpt?.includes('no-new-privileges') && { allowPrivilegeEscalation: false }),
    ...(user !== null && { runAsUser: Number(user[1]) }),
    ...(user?.[2] !== undefined && { runAsGroup: Number(user[2]) }),
    ...(levels.length > 0 && { seLinuxOptions: Object.fromEntries(levels) }),
  };
}

function capability(name: string): string {
  const upperName = name.toUpperCase();
  return upperName === 'ALL' || upperName.startsWith('CAP_') ? upperName : `CAP_${upperName}`;
}

function hostAliases(hosts: readonly string[] | undefined): Pick<corev1.PodSpec, 'hostAliases'> {
  if (!hosts?.length) return {};
  return {
    hostAliases: hosts.map((line) => ({
      ip: line.slice(line.indexOf(':') + 1),
      hostnames: [line.slice(0, line.indexOf(':'))],
    })),
  };
}

function dnsConfig(host: ContainerInspect['hostConfig']): Pick<corev1.PodSpec, 'dnsConfig'> {
  const config = {
    ...(host.Dns?.length && { nameservers: host.Dns }),
    ...(host.DnsSearch?.length && { searches: host.DnsSearch }),
    ...(host.DnsOptions?.length && {
      options: host.DnsOptions.map((option) => {
        const [name, ...value] = option.split(':');
        return { name, ...(value.length > 0 && { value: value.join(':') }) };
      }),
    }),
  };
  return Object.keys(config).length === 0 ? {} : { dnsConfig: config as corev1.PodDNSConfig };
}

function restartPolicyOf(container: ContainerInspect): string {
  const name = container.hostConfig.RestartPolicy?.Name;
  if (name === 'always' || name === 'unless-stopped') return 'Always';
  return name === 'on-failure' ? 'OnFailure' : 'Never';
}

function claimOf(volume: VolumeConfig): object {
  const names: Record<string, string> = {
    o: 'mount-options',
    device: 'device',
    type: 'type',
    UID: 'uid',
    GID: 'gid',
  };
  const annotations: Record<string, string> = { 'volume.podman.io/driver': volume.Driver };
  for (const [key, value] of Object.entries(volume.Options))
    if (names[key] !== undefined) annotations[`volume.podman.io/${names[key]}`] = value;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: volume.Name,
      ...(Object.keys(volume.Labels).length > 0 && { labels: volume.Labels }),
      annotations,
      creationTimestamp: now(),
    },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    status: {},
  };
}

function kubeName(name: string): string {
  return name.replaceAll('_', '');
}

function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
