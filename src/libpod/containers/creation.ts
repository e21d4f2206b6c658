import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AlreadyExists, BadRequest, NotFound } from '../../base/index.ts';
import {
  chooseHostPorts,
  type Engine,
  type Image,
  type ImageConfig,
  withFileLock,
} from '../../engine/index.ts';
import type { ContainerConfig, CreateOptions, EndpointSettings, HostConfig } from '../create-options.ts';
import { healthCheckPlan } from '../health/health-config.ts';
import type { PodConfig, PublishedPort } from '../libpod.ts';
import { DEFAULT_NETWORK } from '../networks/network-definition.ts';
import type { ContainerStore } from './container-store.ts';
import { askedMounts, imageVolumes } from './mounts.ts';
import { inventName } from './names.ts';
import { joinedContainers } from './namespaces.ts';
import { rootlessWarnings } from './outside-way.ts';
import type { ContainerParts } from './parts.ts';
import type { StoredContainer, StoredMount } from './stored-container.ts';
import { isSystemd, SYSTEMD_STOP_SIGNAL } from './systemd-mode.ts';
import { chooseIdMappings, keptIds } from './user-namespaces.ts';
import { validateOptions } from './validation.ts';

const DEFAULT_STOP_TIMEOUT_SECONDS = 10;
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export interface CreationOptions {
  engine: Engine;
  store: ContainerStore;
  parts: ContainerParts;
  cgroupRoot: string;
  isRootless: boolean;
  /** Folder of lock files. */
  locks: string;
}

/** Makes containers: what was asked for and what the image says become one record; nothing is mounted or started. */
export class Creation {
  readonly #options: CreationOptions;

  constructor(options: CreationOptions) {
    this.#options = options;
  }

  async create(asked: CreateOptions): Promise<{ id: string; warnings: string[] }> {
    const warnings = validateOptions(asked);
    this.#checkRootful(asked.HostConfig);
    const id = randomBytes(32).toString('hex');
    const image = await this.#imageOf(asked);
    await this.#checkIpc(asked.HostConfig);
    const name = await this.#nameOf(asked.Name);
    const options: CreateOptions = { ...asked, Name: name };
    const record = () => this.#record(id, options, image);
    // Ids that are free are chosen by what others have, so one after the other.
    const stored = /^auto(?::|$)/.test(asked.HostConfig.UsernsMode ?? '')
      ? await withFileLock(join(this.#options.locks, 'user-namespaces'), record)
      : await record();
    await this.#event(id, stored, name);
    const { isRootless } = this.#options;
    return { id, warnings: [...warnings, ...portWarnings(stored), ...rootlessWarnings(stored, isRootless)] };
  }

  async #record(id: string, options: CreateOptions, image: Image | undefined): Promise<StoredContainer> {
    const { engine } = this.#options;
    const name = options.Name!;
    const stored = await this.#store(options, image);
    const spec = {
      ...{ name, id, image: image?.id ?? '', details: stored },
      deferred: true,
      ...this.#permanence(options),
      ...rootOf(options.Podman?.Rootfs),
      ...{ env: {}, mounts: [], network: 'private', resources: {}, security: {} },
      labels: stored.config.Labels ?? {},
      tty: stored.config.Tty === true,
      stdin: stored.config.OpenStdin === true,
      ...(stored.config.StdinOnce && { stdinOnce: true }),
      cgroupParent: await this.#cgroupParent(stored),
      logPath: stored.hostConfig.LogConfig?.Config?.path ?? `${this.#options.store.userFolder(id)}/ctr.log`,
      stopSignal: stored.config.StopSignal ?? 'SIGTERM',
    };
    try {
      await engine.create({ ...spec, ...(stored.idMappings && { idMappings: stored.idMappings }) });
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
      const other = (await engine.find(name))[0] ?? '';
      throw new AlreadyExists(
        `creating container storage: the container name "${name}" is already in use by ${other}. ` +
          'You have to remove that container to be able to reuse that name: that name is already in use',
        { cause: error },
      );
    }
    return stored;
  }

  #checkRootful({ UsernsMode: mode = '' }: HostConfig): void {
    const [name = ''] = mode.split(':');
    if (!this.#options.isRootless && ['keep-id', 'nomap'].includes(name))
      throw new BadRequest(`${name} is only supported in rootless mode`);
  }

  /** A container that keeps its IPC namespace to itself has none to share (moby, daemon/container_operations_unix.go). */
  async #checkIpc({ IpcMode: mode = '' }: HostConfig): Promise<void> {
    if (!mode.startsWith('container:')) return;
    const other = await this.#options.store.find(mode.slice('container:'.length));
    if (['private', 'none'].includes(other.stored.hostConfig.IpcMode ?? ''))
      throw new BadRequest(
        `joining IPC of container ${other.id} is not allowed: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      );
  }

  /** What comes back after a reboot must be on the disk by then; what goes with its end need not, as Podman has it. */
  #permanence({ HostConfig: host }: CreateOptions): { durable?: true; isVolatile?: true } {
    const policy = host.RestartPolicy?.Name ?? '';
    if (policy === 'always' || policy === 'unless-stopped') return { durable: true };
    return host.AutoRemove ? { isVolatile: true } : {};
  }

  async #event(id: string, stored: StoredContainer, name: string): Promise<void> {
    await this.#options.parts.events?.append({
      ...{ Type: 'container', Status: 'create', ID: id, Name: name, Image: stored.image },
      Attributes: stored.config.Labels ?? {},
      ...(stored.podId !== undefined && { PodID: stored.podId }),
    });
  }

  async #nameOf(asked: string | undefined): Promise<string> {
    if (asked !== undefined && asked !== '') {
      const name = asked.replace(/^\//, '');
      if (!NAME.test(name))
        throw new BadRequest(
          'running container create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument',
        );
      return name;
    }
    for (;;) {
      const name = inventName();
      if ((await this.#options.engine.find(name)).length === 0) return name;
    }
  }

  async #imageOf({ Config: config, Podman: podman }: CreateOptions): Promise<Image | undefined> {
    if (podman?.Rootfs !== undefined) return undefined;
    if (!config.Image) throw new BadRequest('image name or rootfs is required');
    const image = await this.#options.engine.images.resolve(config.Image);
    if (image === undefined) throw new NotFound(`${config.Image}: image not known`);
    return image;
  }

  async #cgroupParent({ hostConfig, podId }: StoredContainer): Promise<string> {
    if (hostConfig.CgroupParent) {
      const parent = hostConfig.CgroupParent;
      return parent.startsWith('/') ? parent : `/${parent}`;
    }
    const pod = podId === undefined ? undefined : await this.#options.parts.pods?.inspect(podId);
    return pod?.cgroupParent || this.#options.cgroupRoot;
  }

  async #store(options: CreateOptions, image: Image | undefined): Promise<StoredContainer> {
    const { engine, store, parts } = this.#options;
    const { Podman: podman = {}, HostConfig: host } = options;
    const config = mergeConfig(options.Config, image?.config ?? {});
    const userns = host.UsernsMode ?? '';
    if (/^keep-id(?::|$)/.test(userns) && !config.User) {
      const { uid, gid } = keptIds(userns);
      config.User = `${uid}:${gid}`;
    }
    const command = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])];
    const isAsked = options.Config.StopSignal || image?.config.StopSignal;
    if (!isAsked && isSystemd(options, command)) config.StopSignal = SYSTEMD_STOP_SIGNAL;
    const pod = podman.Pod ? await parts.pods?.inspect(podman.Pod) : undefined;
    if (podman.Pod && pod === undefined)
      throw new NotFound(`no pod with name or ID ${podman.Pod} found: no such pod`);
    if (command.length === 0 && !podman.IsInfra)
      throw new BadRequest('no command or entrypoint provided, and no CMD or ENTRYPOINT from image');
    checkAgainstPod(options, pod);
    const onFailure = podman.HealthOnFailure ?? 'none';
    if (onFailure !== 'none' && healthCheckPlan(config.Healthcheck, undefined, config.Shell) === undefined)
      throw new BadRequest(`cannot set on-failure action to ${onFailure} without a health check`);
    const mounts = await this.#mounts(options, image?.config ?? {});
    const dependencies = await Promise.all(
      [
        ...joinedContainers(host),
        ...(podman.Requires ?? []),
        ...(host.VolumesFrom ?? []).map((one) => one.split(':')[0]!),
      ].map((one) => store.idOf(one)),
    );
    if (pod?.infraId !== undefined && !podman.IsInfra) dependencies.push(pod.infraId);
    const user = config.User ?? '';
    const idMappings = await chooseIdMappings({ options, user, image, engine, store });
    const shownImage = image?.references[0] ?? '';
    const given = await engine.images.resolve(config.Image).catch(() => undefined);
    return {
      options: { ...options, Config: { ...options.Config } },
      config,
      hostConfig: withDefaults(host, this.#options.isRootless, pod !== undefined && !podman.IsInfra),
      image: given !== undefined && isIdOf(config.Image, given) ? shownImage : nameIn(image, config.Image),
      command,
      mounts,
      networks: networksOf(options, this.#options.isRootless),
      ports: chooseHostPorts(portsOf(options, image?.config ?? {})),
      dependencies: [...new Set(dependencies)],
      ...(pod !== undefined && { podId: pod.id, podName: pod.name }),
      isInfra: podman.IsInfra === true,
      ...(idMappings && { idMappings }),
      stopTimeoutSeconds: config.StopTimeout ?? DEFAULT_STOP_TIMEOUT_SECONDS,
    };
  }

  async #mounts(options: CreateOptions, image: ImageConfig): Promise<StoredMount[]> {
    const asked = askedMounts(options);
    const taken = new Set(asked.map((one) => one.destination));
    const free = (one: StoredMount) => !taken.has(one.destination);
    const inherited: StoredMount[] = [];
    for (const from of options.HostConfig.VolumesFrom ?? []) {
      const [name = '', flags = ''] = from.split(':');
      for (const flag of flags.split(',').filter((one) => one !== ''))
        if (!['rw', 'ro', 'z', 'Z'].includes(flag))
          throw new BadRequest(
            `invalid option "${flag}" for volumes-from: "${from}": options can only be ro, rw, or z`,
          );
      const other = await this.#options.store.find(name);
      const readOnly = flags.split(',').includes('ro');
      for (const { isAnonymous: _own, ...one } of other.stored.mounts)
        inherited.push(
          readOnly ? { ...one, options: [...one.options.filter((o) => o !== 'rw'), 'ro'] } : one,
        );
    }
    const own = inherited.filter(free);
    for (const one of own) taken.add(one.destination);
    const ofImage = imageVolumes(Object.keys(image.Volumes ?? {}), options.Podman?.ImageVolumes).filter(free);
    return [...own, ...ofImage, ...asked];
  }
}

/** The caller's over the image's, as Docker merges them: an entrypoint of the caller's takes the image's Cmd away. */
function mergeConfig(asked: ContainerConfig, image: ImageConfig): ContainerConfig {
  const isReset = asked.Entrypoint !== undefined;
  const entrypoint = isReset ? asked.Entrypoint!.filter((one) => one !== '') : image.Entrypoint;
  const cmd = asked.Cmd !== undefined && asked.Cmd.length > 0 ? asked.Cmd : isReset ? [] : (image.Cmd ?? []);
  const healthcheck = mergeHealthcheck(asked, image);
  return {
    ...asked,
    ...(entrypoint !== undefined && { Entrypoint: entrypoint }),
    Cmd: cmd,
    Env: asked.Env ?? [],
    User: asked.User || image.User || '',
    WorkingDir: asked.WorkingDir || image.WorkingDir || '/',
    Labels: { ...image.Labels, ...asked.Labels },
    StopSignal: asked.StopSignal || image.StopSignal || 'SIGTERM',
    ExposedPorts: { ...image.ExposedPorts, ...asked.ExposedPorts },
    ...(healthcheck && { Healthcheck: healthcheck }),
    ...((asked.Shell ?? image.Shell) && { Shell: asked.Shell ?? image.Shell! }),
  };
}

function mergeHealthcheck(asked: ContainerConfig, image: ImageConfig) {
  const own = asked.Healthcheck;
  if (own === undefined) return image.Healthcheck;
  if ((own.Test ?? []).length > 0 || image.Healthcheck === undefined) return own;
  const set = Object.entries(own).filter(([, value]) => value !== undefined && value !== 0);
  return { ...image.Healthcheck, ...Object.fromEntries(set), Test: image.Healthcheck.Test ?? [] };
}

function withDefaults(host: HostConfig, isRootless: boolean, inPod: boolean): HostConfig {
  const mode = host.NetworkMode;
  const network =
    mode !== undefined && mode !== '' && mode !== 'default'
      ? mode
      : inPod
        ? 'pod'
        : isRootless
          ? 'slirp4netns'
          : 'bridge';
  return { ...host, NetworkMode: network };
}

/** `--rootfs FOLDER[:O]`; Podman's paths are the caller's, made absolute by then. */
function rootOf(folder: string | undefined): { rootfs?: string; overlaysRootfs?: true } {
  if (folder === undefined) return {};
  return folder.endsWith(':O') ? { rootfs: folder.slice(0, -2), overlaysRootfs: true } : { rootfs: folder };
}

function isIdOf(text: string, image: Image): boolean {
  const hex = text.replace(/^sha256:/, '');
  return /^[0-9a-f]{3,64}$/.test(hex) && image.id.slice('sha256:'.length).startsWith(hex);
}

/** The whole name under which `text` found the image. */
function nameIn(image: Image | undefined, text: string): string {
  const references = image?.references ?? [];
  const ending = text.includes(':') || text.includes('@') ? text : `${text}:latest`;
  return references.find((one) => one === ending || one.endsWith(`/${ending}`)) ?? references[0] ?? text;
}

function portWarnings({ hostConfig, ports }: StoredContainer): string[] {
  const mode = hostConfig.NetworkMode ?? '';
  if (ports.length === 0 || !/^(?:host|none|pod|container:.*)$/.test(mode)) return [];
  return [
    'Port mappings have been discarded as one of the Host, Container, Pod, and None network modes are in use',
  ];
}

const NO_NETWORKS = /^(?:none|host|private|pod|container:|ns:|slirp4netns|pasta)/;

function networksOf(options: CreateOptions, isRootless: boolean): Record<string, EndpointSettings> {
  const asked = options.NetworkingConfig?.EndpointsConfig ?? {};
  const mode = options.HostConfig.NetworkMode ?? '';
  if (Object.keys(asked).length > 0)
    return Object.fromEntries(Object.entries(asked).map(([name, one]) => [ownName(name), one]));
  const { Pod: pod, IsInfra: isInfra } = options.Podman ?? {};
  if ((pod !== undefined && isInfra !== true) || NO_NETWORKS.test(mode)) return {};
  if (isRootless && (mode === '' || mode === 'default')) return {};
  return { [ownName(mode)]: {} };
}

/** Docker has other words for the network that is there from the beginning. */
function ownName(network: string): string {
  return ['', 'default', 'bridge'].includes(network) ? DEFAULT_NETWORK : network;
}

function portsOf(options: CreateOptions, image: ImageConfig): PublishedPort[] {
  const { PortBindings: bindings = {}, PublishAllPorts: all } = options.HostConfig;
  const ports = Object.entries(bindings).flatMap(([port, hosts]) =>
    (hosts ?? [{}]).map(({ HostIp: hostIp = '', HostPort: hostPort = '' }) => ({
      ...parsePort(port),
      hostIp,
      hostPort: hostPort === '' ? 0 : Number(hostPort.split('-')[0]),
    })),
  );
  if (!all) return ports;
  const exposed = Object.keys({ ...image.ExposedPorts, ...options.Config.ExposedPorts }).map(parsePort);
  const isBound = (port: ReturnType<typeof parsePort>) =>
    ports.some((one) => one.containerPort === port.containerPort && one.protocol === port.protocol);
  return [
    ...ports,
    ...exposed.filter((one) => !isBound(one)).map((one) => ({ ...one, hostIp: '', hostPort: 0 })),
  ];
}

function parsePort(text: string): Pick<PublishedPort, 'containerPort' | 'protocol'> {
  const match = /^(\d+)(?:\/(tcp|udp|sctp))?$/.exec(text);
  const containerPort = Number(match?.[1]);
  if (match === null || containerPort < 1 || containerPort > 65535)
    throw new BadRequest(`invalid port ${JSON.stringify(text)}`);
  return { containerPort, protocol: (match[2] ?? 'tcp') as PublishedPort['protocol'] };
}

/** What the pod has decided for all of its containers. @throws BadRequest */
function checkAgainstPod(
  { Config: config, HostConfig: host, Podman: podman }: CreateOptions,
  pod?: PodConfig,
): void {
  if (pod?.infraId === undefined || podman?.IsInfra) return;
  const isJoined = ['', 'pod', undefined].includes(host.UTSMode) && pod.sharedNamespaces.includes('uts');
  if (config.Hostname && isJoined)
    throw new BadRequest(
      'invalid config provided: cannot set hostname when joining the pod UTS namespace: invalid configuration',
    );
}
