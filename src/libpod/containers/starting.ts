import { createHash } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, NotFound } from '../../base/index.ts';
import {
  type ContainerMount,
  detachMount,
  type Engine,
  lookUpUser,
  type OutsideResult,
  RootFolder,
  resolveInRoot,
  rootlessFacts,
  type UserNamespace,
} from '../../engine/index.ts';
import type { ContainerNameFiles, PortReservation } from '../libpod.ts';
import { completeAccounts, linkMountTable } from './account-files.ts';
import type { ContainerStore } from './container-store.ts';
import { nameFilesOf, writeEtcFiles } from './etc-files.ts';
import { giveSource, overlayFolder, overlayMount } from './mount-sources.ts';
import { namespaceFor } from './namespaces.ts';
import { isOutsideMode, outsideWayOf } from './outside-way.ts';
import type { ContainerParts, Endpoints } from './parts.ts';

import { engineMount, monitorOf, runSpec, timezoneFile } from './run-spec.ts';
import { secretsOf } from './secret-files.ts';
import { sharedMemory } from './shared-memory.ts';
import type { Container, StoredContainer, StoredMount } from './stored-container.ts';
import { isSystemd, systemdMounts } from './systemd-mode.ts';
import { giveToRoot, outsideIds } from './user-namespaces.ts';

export interface StartingOptions {
  engine: Engine;
  store: ContainerStore;
  parts: ContainerParts;
  self: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
  isRootless: boolean;
  cgroupRoot: string;
}

/**
 * What conmon runs when the container has ended: as long as a process in the foreground holds the file, that one
 * does the work; when it is done the file is gone.
 */
const EXIT_SCRIPT =
  '[ -e "$1" ] || exit 0; ' +
  // conmon waits for this script, and whoever is attached for conmon.
  // Opened to be read: flock(1) by a path would make the file anew for an end that is seen to already.
  '( exec 9<"$1" && flock 9 && [ -e "$1" ] || exit 0; shift; exec "$@" 9<&- ) </dev/null >/dev/null 2>&1 &';

/** Makes everything a container needs around it and has the engine make its process, which is not started yet. */
export class Starting {
  readonly #options: StartingOptions;

  constructor(options: StartingOptions) {
    this.#options = options;
  }

  /** While this is there something of its last run is to be given back. */
  markOf(id: string): string {
    return join(this.#options.store.userFolder(id), 'unclean');
  }

  /** Call under the container's lock, when it is neither running nor made. */
  async init(container: Container): Promise<void> {
    // Nobody else may have them from now on; conmon holds them after us.
    const ports = await this.#reservePorts(container);
    const own = await this.#ownUserNamespace(container);
    const pending: Promise<unknown>[] = [];
    try {
      await this.#initWith(container, ports, own, pending);
    } finally {
      // Whatever went wrong: nobody takes down what is being made.
      await Promise.allSettled(pending);
      this.#options.engine.dismissMonitor(container.id);
      ports?.close();
      own?.end();
    }
  }

  async #ownUserNamespace({ stored }: Container): Promise<UserNamespace | undefined> {
    const { idMappings, hostConfig } = stored;
    if (idMappings === undefined || hostConfig.UsernsMode?.startsWith('container:')) return undefined;
    return await this.#options.engine.userNamespace(idMappings);
  }

  /** Its process waits for its start: what it is not to be without is there by then, or it ends. */
  async #untilJoined(id: string, pending: readonly Promise<unknown>[]): Promise<void> {
    try {
      await Promise.all(pending);
    } catch (error) {
      await this.#options.engine.stop(id, 0);
      throw error;
    }
  }

  async #reservePorts({ stored }: Container): Promise<PortReservation | undefined> {
    const hasOwn = stored.ports.length > 0 && Object.keys(stored.networks).length > 0;
    const isTheirs = hasOwn && outsideWayOf(stored, this.#options.isRootless) === undefined;
    return isTheirs ? await this.#options.parts.networks?.reservePorts(stored.ports) : undefined;
  }

  async #initWith(
    container: Container,
    ports: PortReservation | undefined,
    own: UserNamespace | undefined,
    pending: Promise<unknown>[],
  ): Promise<void> {
    const { engine, store, parts, isRootless } = this.#options;
    const { id, stored } = container;
    const folder = await store.folderOf(id);
    await writeFile(this.markOf(id), '', { mode: 0o600 });
    const monitor = {
      ...monitorOf(container, this.#exitCommand(container)),
      ...(ports && { heldDescriptors: ports.descriptors }),
    };
    await engine.startMonitor(id, monitor);
    const pod = stored.podId === undefined ? undefined : await parts.pods?.inspect(stored.podId);
    const of = (kind: Parameters<typeof namespaceFor>[0]) => namespaceFor(kind, stored, store, pod);
    const [pid, ipc, uts, cgroup, user, net] = await Promise.all([
      ...(['pid', 'ipc', 'uts', 'cgroup', 'user', 'net'] as const).map(of),
    ]);
    const hostname = await this.#hostname(container, uts, net, pod?.infraId);
    const root = await engine.mountRoot(id);
    const sharing = await this.#sharedFolder(container, pod?.infraId);
    const imageHosts = await resolveInRoot(root, '/etc/hosts', { followLast: true });
    const nameFiles = nameFilesOf(sharing ?? folder, container, imageHosts);
    const { network, endpoints, outside, joining } = await this.#network(container, net, {
      ...{ hostname, nameFiles },
      ...(own && { existing: own.networkPath }),
    });
    if (joining !== undefined) pending.push(joining);
    if (sharing !== undefined) await this.shareNames(container, true);
    else if (joining === undefined && Object.keys(endpoints).length === 0)
      await parts.networks?.writeNameFiles({
        ...nameFiles,
        isHostNetwork: network === 'host',
        ...(outside?.dns !== undefined && { wayOutServers: [outside.dns] }),
        entries: ownEntries(container, hostname, network, outside?.address),
      });
    const etc = await writeEtcFiles(folder, {
      ...{ container, hostname, isRootless },
      ...(sharing !== undefined && { sharedFolder: sharing }),
    });
    const { secretMounts, secretEnv } = await secretsOf(container, folder, parts.secrets);
    const memory = await sharedMemory(container, store, pod);
    const held: RootFolder[] = [];
    const asked = await this.#askedMounts(container, root, held);
    await this.#workingFolder(container, root);
    await linkMountTable(container, root);
    const { accounts, home } = await completeAccounts(container, root, folder);
    await this.#giveAway(container, root, folder, [...etc, ...accounts]);
    const spec = runSpec({
      ...{ container, hostname, network, secretEnv },
      namespaces: {
        pid: pid ?? 'private',
        ipc: ipc ?? 'private',
        uts: uts ?? 'private',
        ...(cgroup !== undefined && { cgroup }),
        ...(stored.idMappings && { user: own?.path ?? user! }),
      },
      imageEnv: [...home, ...(await this.#imageEnv(container))],
      callerEnv: this.#options.environment,
      mounts: [
        ...memory,
        ...etc,
        ...accounts,
        ...secretMounts,
        ...(await this.#timezone(container)),
        ...asked,
      ],
      logPath: container.state.logPath,
      cgroupParent: pod?.cgroupParent || stored.hostConfig.CgroupParent || this.#options.cgroupRoot,
    });
    try {
      await engine.init(id, {
        ...spec,
        ...monitor,
        ...(stored.idMappings && { idMappings: stored.idMappings }),
      });
    } finally {
      for (const one of held) one.close();
    }
    await this.#untilJoined(id, pending);
    // The container has its own mount of them now.
    this.#unmountImages(container);
  }

  #imageFolder(id: string, { destination }: StoredMount): string {
    const name = createHash('sha256').update(destination).digest('hex').slice(0, 16);
    return join(this.#options.store.userFolder(id), 'image-mounts', name);
  }

  #unmountImages({ id, stored }: Container): void {
    for (const mount of stored.mounts)
      if (mount.type === 'image') detachMount(join(this.#imageFolder(id, mount), 'rootfs'));
  }

  /** Of a container that has ended. Idempotent. */
  async releaseMounts(container: Container): Promise<void> {
    await rm(overlayFolder(this.#options.store.userFolder(container.id)), { recursive: true, force: true });
    this.#unmountImages(container);
    for (const { type, name } of container.stored.mounts)
      if (type === 'image') await this.#options.engine.images.releaseImage(name!, container.id);
  }

  #exitCommand({ id }: Container): string[] {
    return [
      ...['/bin/sh', '-c', EXIT_SCRIPT, 'cleanup', this.markOf(id)],
      ...[...this.#options.self, 'container', 'cleanup', id],
    ];
  }

  async #hostname(
    { id, stored }: Container,
    uts: string | undefined,
    net: string | undefined,
    infraId: string | undefined,
  ): Promise<string> {
    if (stored.config.Hostname) return stored.config.Hostname;
    if (uts === 'host' || net === 'host' || stored.hostConfig.NetworkMode === 'host') {
      const { hostname } = await import('node:os');
      return hostname();
    }
    if (uts?.startsWith('/proc/')) return await this.#hostnameOfJoined(stored, infraId);
    return id.slice(0, 12);
  }

  async #hostnameOfJoined({ hostConfig }: StoredContainer, infraId: string | undefined): Promise<string> {
    const { store } = this.#options;
    const mode = hostConfig.UTSMode ?? '';
    const named = mode.startsWith('container:') ? mode.slice('container:'.length) : infraId!;
    const other = await store.find(named);
    return other.stored.config.Hostname || other.id.slice(0, 12);
  }

  async #network(
    { id, name, stored }: Container,
    asked: string | undefined,
    { hostname, nameFiles, existing }: { hostname: string; nameFiles: ContainerNameFiles; existing?: string },
  ): Promise<{ network: string; endpoints: Endpoints; outside?: OutsideResult; joining?: Promise<unknown> }> {
    const { engine, parts, isRootless } = this.#options;
    if (asked !== undefined || stored.hostConfig.NetworkMode === 'none')
      return { network: asked ?? 'private', endpoints: {} };
    if (stored.config.NetworkDisabled) return { network: 'private', endpoints: {} };
    const isOutside = isOutsideMode(stored.hostConfig.NetworkMode);
    if (isOutside ? parts.outside === undefined : parts.networks === undefined)
      throw new BadRequest(`the network mode ${stored.hostConfig.NetworkMode} is not supported`);
    const namespacePath = await engine.networks.createNamespace(id.slice(0, 24), existing);
    const way = outsideWayOf(stored, isRootless);
    const joining = isOutside
      ? undefined
      : parts.networks!.setUp({
          ...{ containerId: id, containerName: name, namespacePath, hostname },
          networks: stored.networks,
          ports: way === undefined ? stored.ports : [],
          portsReserved: true,
          nameFiles,
        });
    if (joining !== undefined && way === undefined && this.#mayJoinLater(stored)) {
      // Awaited when the process is there; an error before that must not go by as nobody's.
      joining.catch(() => undefined);
      for (const path of [nameFiles.hostsPath, nameFiles.resolvConfPath])
        if (path !== undefined) await writeFile(path, '', { flag: 'a', mode: 0o644 });
      return { network: namespacePath, endpoints: {}, joining };
    }
    const endpoints = (await joining) ?? {};
    if (way === undefined || parts.outside === undefined) return { network: namespacePath, endpoints };
    const request = { containerId: id, namespacePath, ports: stored.ports, ...way };
    return { network: namespacePath, endpoints, outside: await parts.outside.connect(request) };
  }

  /** Links, addresses and rules are made while conmon and runc make the process; what they are written to is there. */
  #mayJoinLater({ networks, idMappings }: StoredContainer): boolean {
    return Object.keys(networks).length > 0 && idMappings === undefined;
  }

  /** Whoever joins another's network has its names too. */
  async #sharedFolder({ stored }: Container, infraId: string | undefined): Promise<string | undefined> {
    const { store } = this.#options;
    const mode = stored.hostConfig.NetworkMode ?? '';
    if (mode.startsWith('container:'))
      return store.userFolder(await store.idOf(mode.slice('container:'.length)));
    return mode === 'pod' && infraId !== undefined && !stored.isInfra ? store.userFolder(infraId) : undefined;
  }

  /** Its name in the hosts file of the container whose network it shares, from its start to its end. */
  async shareNames(container: Container, isThere: boolean): Promise<void> {
    const { parts } = this.#options;
    const folder = await this.#folderShared(container);
    if (folder === undefined) return;
    const { hostsPath } = nameFilesOf(folder, container);
    if (hostsPath !== undefined) await parts.networks?.shareHostsFile(hostsPath, [container.name], isThere);
  }

  /** undefined also when the other container, or its pod, is gone. */
  async #folderShared(container: Container): Promise<string | undefined> {
    const { podId } = container.stored;
    try {
      const pod = podId === undefined ? undefined : await this.#options.parts.pods?.inspect(podId);
      return await this.#sharedFolder(container, pod?.infraId);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #imageEnv({ state }: Container): Promise<string[]> {
    if (state.imageId === '') return [];
    return (await this.#options.engine.images.resolve(state.imageId))?.config.Env ?? [];
  }

  async #timezone({ stored }: Container): Promise<ContainerMount[]> {
    const zone = stored.options.Podman?.Timezone;
    if (zone === undefined || zone === '') return [];
    return [
      {
        type: 'bind',
        source: await timezoneFile(zone),
        destination: '/etc/localtime',
        options: ['bind', 'ro', 'rprivate'],
      },
    ];
  }

  /** @param held what must stay open until the runtime has mounted it */
  async #askedMounts({ id, stored }: Container, root: string, held: RootFolder[]): Promise<ContainerMount[]> {
    const mounts: ContainerMount[] = [];
    const host = stored.hostConfig;
    for (const mount of stored.mounts) {
      const source = await this.#sourceOf(id, mount, root, stored);
      const place = mount.subpath === undefined ? source : heldPath(source, mount.subpath, held);
      mounts.push(await this.#prepared(id, mount, { place, root, stored }));
    }
    const isFree = (path: string) => !stored.mounts.some((one) => one.destination === path);
    if (host.ReadonlyRootfs && stored.options.Podman?.ReadWriteTmpfs !== false)
      for (const path of ['/tmp', '/var/tmp', '/run'])
        if (isFree(path))
          mounts.unshift(
            engineMount(
              {
                type: 'tmpfs',
                source: 'tmpfs',
                destination: path,
                options: ['rw', 'rprivate', 'nosuid', 'nodev'],
              },
              '',
            ),
          );
    if (isSystemd(stored.options, stored.command)) mounts.push(...systemdMounts(isFree));
    // A mount below another's place comes after it.
    return mounts.sort((a, b) => depth(a.destination) - depth(b.destination));
  }

  async #sourceOf(id: string, mount: StoredMount, root: string, stored: StoredContainer): Promise<string> {
    if (mount.type === 'bind') {
      await stat(mount.source).catch((cause: NodeJS.ErrnoException) => {
        throw new BadRequest(`statfs ${mount.source}: no such file or directory`, { cause });
      });
      return mount.source;
    }
    if (mount.type === 'volume') return await this.#volume(id, mount, root, stored);
    if (mount.type === 'image')
      return await this.#options.engine.images.mountImageIn(mount.name!, this.#imageFolder(id, mount), id);
    return mount.source;
  }

  /** With what the options `U` and `O` ask for. */
  async #prepared(
    id: string,
    mount: StoredMount,
    { place, root, stored }: { place: string; root: string; stored: StoredContainer },
  ): Promise<ContainerMount> {
    const { idMappings, config } = stored;
    const isChowned = mount.options.includes('U');
    if (!isChowned && !mount.options.includes('O')) return engineMount(mount, place);
    const user = await lookUpUser(config.User ?? '', root, []);
    if (mount.type === 'tmpfs')
      return engineMount(
        { ...mount, options: [...mount.options, `uid=${user.uid}`, `gid=${user.gid}`] },
        place,
      );
    const owner = outsideIds(idMappings, user);
    if (!mount.options.includes('O')) {
      await giveSource(place, owner);
      return engineMount(mount, place);
    }
    return await overlayMount(mount, place, {
      userFolder: this.#options.store.userFolder(id),
      isInUserNamespace: idMappings !== undefined || rootlessFacts().isInUserNamespace,
      ...(isChowned && { owner }),
    });
  }

  /** Mounts it; one that is still empty begins with what the image has at its place. */
  async #volume(
    id: string,
    mount: StoredMount,
    root: string,
    { config, idMappings }: StoredContainer,
  ): Promise<string> {
    const { volumes } = this.#options.parts;
    if (volumes === undefined) throw new BadRequest(`the volume ${mount.name} is not supported`);
    if (!(await volumes.exists(mount.name!)))
      await volumes.create({
        Name: mount.name!,
        ...(mount.isAnonymous && { Anonymous: true }),
        ignore: true,
      });
    const source = await volumes.mount(mount.name!, id);
    if (mount.subpath !== undefined) return source;
    const image = await resolveInRoot(root, mount.destination, { followLast: true });
    const { uid, gid } = outsideIds(idMappings, await lookUpUser(config.User ?? '', root, []));
    const noCopy = mount.noCopy === true;
    await volumes.prepare(mount.name!, { imageFolder: image, noCopy, uid, gid });
    return source;
  }

  /** What was made for it here belongs to the root of its user namespace. */
  async #giveAway(
    { stored }: Container,
    root: string,
    folder: string,
    files: readonly ContainerMount[],
  ): Promise<void> {
    if (stored.idMappings === undefined) return;
    const own = files.map(({ source = '' }) => source).filter((one) => one.startsWith(`${folder}/`));
    const paths = ['/etc', '/etc/mtab', '/etc/passwd', '/etc/group', stored.config.WorkingDir || '/'];
    const inside = paths.map((path) => resolveInRoot(root, path, { followLast: path !== '/etc/mtab' }));
    await giveToRoot(stored.idMappings, [...own, ...(await Promise.all(inside))]);
  }

  /** Docker makes the folder that a container works in. */
  async #workingFolder({ stored }: Container, root: string): Promise<void> {
    const path = stored.config.WorkingDir;
    if (!path || path === '/' || stored.options.Podman?.Rootfs !== undefined) return;
    // The runtime makes the way to what is mounted below it, too.
    const isMade = ({ destination }: StoredMount) =>
      path === destination || path.startsWith(`${destination}/`) || destination.startsWith(`${path}/`);
    if (stored.mounts.some(isMade)) return;
    const there = await resolveInRoot(root, path, { followLast: true });
    if ((await stat(there).catch(() => undefined)) !== undefined) return;
    const isImages = stored.options.Config.WorkingDir !== path;
    if (!isImages)
      throw new BadRequest(`workdir "${path}" does not exist on container ${stored.options.Name}`);
    await mkdir(there, { recursive: true, mode: 0o755 });
  }
}

/**
 * A part of a volume, as the runtime is told of it: other containers may change the volume this very moment, so the
 * kernel resolves it within the volume and a descriptor of ours holds what it found.
 */
function heldPath(volume: string, subpath: string, held: RootFolder[]): string {
  const folder = new RootFolder(volume);
  held.push(folder);
  return folder.find(subpath, { followLast: true }).replace('/self/', `/${process.pid}/`);
}

function depth(path: string): number {
  return path.split('/').length;
}

/** Podman's entry of a container that is on no network of ours; on the host's it has the host's. */
function ownEntries(
  container: Container,
  hostname: string,
  network: string,
  address: string | undefined,
): { address: string; names: string[] }[] {
  if (network === 'host') return [];
  return [{ address: address ?? '127.0.0.1', names: [hostname, container.name] }];
}
