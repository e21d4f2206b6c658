import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { BadRequest, Conflict, messageOf, NotFound } from '../../base/index.ts';
import type { ImageLibrary } from '../../engine/index.ts';
import type {
  ContainerListEntry,
  Containers,
  CreatePod,
  Events,
  Filters,
  PodConfig,
  PodListEntry,
  Pods,
} from '../libpod.ts';
import { infraContainer, sharedNamespaces } from './infra-container.ts';
import { ensurePauseImage } from './pause-image.ts';
import { podFilter } from './pod-filters.ts';
import type { PodRecords } from './pod-records.ts';
import { podStatus } from './pod-status.ts';
import { startInitContainers, startOrder } from './start-order.ts';

export interface LocalPodsOptions {
  records: PodRecords;
  containers: Containers;
  images: ImageLibrary;
  events: Events;
  /** What the image of infra containers is called. */
  pauseImage: string;
  /** Under which every pod has its control group; '' leaves containers where they would be. */
  cgroupRoot: string;
  makeName: () => string;
}

/**
 * Pods: containers that share namespaces, which an infra container holds, a name and a fate. A pod's state is
 * made of its containers' states each time it is asked for; only what it was created with is stored.
 */
export class LocalPods implements Pods {
  readonly #options: LocalPodsOptions;

  constructor(options: LocalPodsOptions) {
    this.#options = options;
  }

  async create(options: CreatePod): Promise<string> {
    const { records, containers } = this.#options;
    const shared = sharedNamespaces(options);
    refuseUnlikely(options);
    if (options.replace) await this.#removeNamed(options.name);
    const id = randomBytes(32).toString('hex');
    const cgroupParent = this.#cgroupParentOf(id, options);
    const pod: PodConfig = {
      id,
      name: options.name ?? (await this.#freeName()),
      createdAt: new Date().toISOString(),
      hostname: options.hostname ?? '',
      labels: options.labels ?? {},
      sharedNamespaces: shared,
      cgroupParent,
      ...(options.serviceId !== undefined && { serviceId: options.serviceId }),
      exitPolicy: options.exitPolicy ?? 'continue',
      options,
    };
    const idFile = options.podIdFile === undefined ? undefined : await reserveIdFile(options.podIdFile);
    try {
      if (await containers.exists(pod.name).catch(() => false))
        throw new Conflict(`adding pod to state: name "${pod.name}" is in use: container already exists`);
      await records.add(pod);
      if (options.infra !== false) await this.#createInfra(pod);
      await idFile?.writeFile(id);
    } catch (error) {
      await records.remove(id);
      await this.#removeService(pod);
      throw error;
    } finally {
      await idFile?.close();
    }
    await this.#tell(pod, 'create');
    return id;
  }

  async start(nameOrId: string): Promise<string> {
    const pod = await this.#options.records.find(nameOrId);
    const members = await this.#membersOf(pod.id);
    if (pod.serviceId !== undefined) await this.#options.containers.start(pod.serviceId);
    await this.#each('starting', members.filter(isInfra), (one) => this.#options.containers.start(one.id));
    const rest = members.filter((one) => !isInfra(one));
    const ordinary = await startInitContainers(this.#options.containers, rest);
    for (const level of await startOrder(this.#options.containers, ordinary))
      await this.#each('starting', level, (one) => this.#options.containers.start(one.id));
    await this.#tell(pod, 'start');
    return pod.id;
  }

  async stop(nameOrId: string, options: { timeoutSeconds?: number } = {}): Promise<string> {
    const pod = await this.#options.records.find(nameOrId);
    const members = (await this.#membersOf(pod.id)).filter(({ status }) => MAY_STOP.has(status));
    const stop = async (one: ContainerListEntry) => {
      await this.#options.containers.stop(one.id, options);
    };
    await this.#each(
      'stopping',
      members.filter((one) => !isInfra(one)),
      stop,
    );
    await this.#each('stopping', members.filter(isInfra), stop);
    await this.#tell(pod, 'stop');
    return pod.id;
  }

  async restart(nameOrId: string): Promise<string> {
    await this.stop(nameOrId);
    return await this.start(nameOrId);
  }

  async kill(nameOrId: string, signal?: string): Promise<string> {
    return await this.#forAll(nameOrId, 'kill', 'killing', ['running'], (one) =>
      this.#options.containers.kill(one.id, signal),
    );
  }

  async pause(nameOrId: string): Promise<string> {
    return await this.#forAll(nameOrId, 'pause', 'pausing', ['running'], (one) =>
      this.#options.containers.pause(one.id),
    );
  }

  async unpause(nameOrId: string): Promise<string> {
    return await this.#forAll(nameOrId, 'unpause', 'unpausing', ['paused'], (one) =>
      this.#options.containers.unpause(one.id),
    );
  }

  async remove(
    nameOrId: string,
    options: { force?: boolean; timeoutSeconds?: number } = {},
  ): Promise<string> {
    const pod = await this.#options.records.find(nameOrId);
    const members = await this.#membersOf(pod.id);
    const remove = (force: boolean) => (one: ContainerListEntry) =>
      this.#options.containers.remove(one.id, {
        force,
        volumes: true,
        ofPod: true,
        ...(one.isInfra && { depend: true }),
        ...(options.timeoutSeconds !== undefined && { timeoutSeconds: options.timeoutSeconds }),
      });
    await this.#each(
      'removing',
      members.filter((one) => !isInfra(one)),
      remove(options.force === true),
      ` from pod ${pod.id}`,
    );
    // Nothing needs its namespaces any more; whether it runs says nothing about the pod.
    await this.#each('removing', members.filter(isInfra), remove(true), ` from pod ${pod.id}`);
    // The hook of its infra container may have done so before.
    if (!(await this.exists(pod.id))) return pod.id;
    await this.#options.records.remove(pod.id);
    await this.#removeService(pod);
    await this.#tell(pod, 'remove');
    return pod.id;
  }

  async list(filters: Filters = {}): Promise<PodListEntry[]> {
    const matches = podFilter(filters);
    const pods = await this.#options.records.list();
    if (pods.length === 0) return [];
    const containers = await this.#options.containers.list({ all: true });
    return pods.map((pod) => listEntry(pod, membersAmong(containers, pod.id))).filter(matches);
  }

  async inspect(nameOrId: string): Promise<PodListEntry> {
    const pod = await this.#options.records.find(nameOrId);
    return listEntry(pod, await this.#membersOf(pod.id));
  }

  async exists(nameOrId: string): Promise<boolean> {
    try {
      await this.#options.records.find(nameOrId);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  async idOf(nameOrId: string): Promise<string> {
    return (await this.#options.records.find(nameOrId)).id;
  }

  async prune(): Promise<string[]> {
    const removed: string[] = [];
    for (const pod of await this.list())
      if (pod.status === 'Stopped' || pod.status === 'Exited') removed.push(await this.remove(pod.id));
    return removed;
  }

  async containerEnded(podId: string): Promise<void> {
    const pod = await this.#options.records.find(podId);
    if (pod.exitPolicy !== 'stop') return;
    const members = await this.#membersOf(pod.id);
    const lasts = ['running', 'paused', 'restarting', 'created', 'initialized'];
    if (members.some((one) => !isInfra(one) && lasts.includes(one.status))) return;
    for (const infra of members.filter((one) => isInfra(one) && one.status === 'running'))
      await this.#options.containers.stop(infra.id, { timeoutSeconds: 0 });
  }

  async createService(name: string): Promise<string> {
    const { containers, images, pauseImage } = this.#options;
    const Image = await ensurePauseImage(images, pauseImage);
    const { id } = await containers.create({
      Name: name,
      Config: { Image },
      HostConfig: { NetworkMode: 'none', ReadonlyRootfs: true },
      Podman: { IsService: true, ImageVolumes: 'ignore', ReadWriteTmpfs: false },
    });
    return id;
  }

  /** Its infra container has ended: with the last of the pods that have it, their service container ends. */
  async infraEnded(podId: string): Promise<void> {
    const pod = (await this.#options.records.list()).find(({ id }) => id === podId);
    if (pod?.serviceId === undefined) return;
    const sharing = (await this.list()).filter(({ serviceId }) => serviceId === pod.serviceId);
    const runs = sharing.some(({ infraId, containers }) =>
      containers.some(({ id, status }) => id === infraId && status === 'running'),
    );
    if (!runs) await this.#options.containers.stop(pod.serviceId, { timeoutSeconds: 0 });
  }

  async #removeService({ serviceId }: PodConfig): Promise<void> {
    if (serviceId === undefined) return;
    if ((await this.#options.records.list()).some((other) => other.serviceId === serviceId)) return;
    if (!(await this.#options.containers.exists(serviceId))) return;
    await this.#options.containers.remove(serviceId, { force: true, ofPod: true, timeoutSeconds: 0 });
  }

  /** A container was removed; with its infra container a pod goes. */
  async containerRemoved(id: string): Promise<void> {
    const pod = (await this.#options.records.list()).find(({ infraId }) => infraId === id);
    if (pod === undefined) return;
    await this.#options.records.remove(pod.id);
    await this.#removeService(pod);
    await this.#tell(pod, 'remove');
  }

  async #createInfra(pod: PodConfig): Promise<void> {
    const { containers, images, pauseImage, records } = this.#options;
    const { options } = pod;
    const image = options.infraImage ?? (await ensurePauseImage(images, pauseImage));
    const facts = {
      podId: pod.id,
      podName: pod.name,
      shared: pod.sharedNamespaces,
      image,
      cgroupParent: pod.cgroupParent,
    };
    const { id: infraId } = await containers.create(infraContainer(options, facts));
    await records.update(pod.id, (before) => ({ ...before, infraId }));
  }

  #cgroupParentOf(id: string, options: CreatePod): string {
    if (options.shareParent === false) return '';
    const root = options.hostConfig?.CgroupParent ?? this.#options.cgroupRoot;
    return root === '' ? '' : `${root}/${id}`;
  }

  async #removeNamed(name: string | undefined): Promise<void> {
    if (name === undefined) throw new BadRequest('cannot replace pod without --name being set');
    if (await this.exists(name)) await this.remove(name, { force: true });
  }

  async #freeName(): Promise<string> {
    const taken = new Set((await this.#options.records.list()).map(({ name }) => name));
    for (;;) {
      const name = this.#options.makeName();
      if (!taken.has(name)) return name;
    }
  }

  async #forAll(
    nameOrId: string,
    event: string,
    doing: string,
    statuses: string[],
    act: (one: ContainerListEntry) => Promise<void>,
  ): Promise<string> {
    const pod = await this.#options.records.find(nameOrId);
    const members = (await this.#membersOf(pod.id)).filter(({ status }) => statuses.includes(status));
    await this.#each(doing, members, act);
    await this.#tell(pod, event);
    return pod.id;
  }

  /** All at once; what failed is told of every container it failed for. @throws Conflict */
  async #each(
    doing: string,
    members: readonly ContainerListEntry[],
    act: (one: ContainerListEntry) => Promise<void>,
    where = '',
  ): Promise<void> {
    const results = await Promise.allSettled(members.map(act));
    const failures = results.flatMap((result, index) =>
      result.status === 'rejected'
        ? [{ cause: result.reason as unknown, container: members[index]!.id }]
        : [],
    );
    if (failures.length === 0) return;
    const text = failures.map(
      ({ cause, container }) => `${doing} container ${container}${where}: ${messageOf(cause)}`,
    );
    throw new Conflict(text.join('\n'), { cause: failures[0]!.cause });
  }

  async #membersOf(podId: string): Promise<ContainerListEntry[]> {
    return membersAmong(await this.#options.containers.list({ all: true }), podId);
  }

  async #tell(pod: PodConfig, Status: string): Promise<void> {
    await this.#options.events.append({
      Type: 'pod',
      Status,
      ID: pod.id,
      Name: pod.name,
      ...(Object.keys(pod.labels).length > 0 && { Attributes: pod.labels }),
    });
  }
}

const MAY_STOP: ReadonlySet<string> = new Set(['running', 'paused', 'restarting', 'stopping', 'initialized']);

const isInfra = (container: ContainerListEntry): boolean => container.isInfra;

/** Oldest first: the infra container, then the others as they were made. */
function membersAmong(containers: readonly ContainerListEntry[], podId: string): ContainerListEntry[] {
  return containers
    .filter((container) => container.podId === podId)
    .sort((one, other) => Date.parse(one.createdAt) - Date.parse(other.createdAt));
}

function listEntry(pod: PodConfig, members: readonly ContainerListEntry[]): PodListEntry {
  return {
    ...pod,
    status: podStatus(members.map(({ status }) => status)),
    containers: members.map(({ id, name, status, restarts }) => ({ id, name, status, restarts })),
    networks: members.find(isInfra)?.networks.map(({ name }) => name) ?? [],
  };
}

function refuseUnlikely(options: CreatePod): void {
  if (options.name !== undefined && !/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(options.name))
    throw new BadRequest(
      `invalid argument ${JSON.stringify(options.name)} for names: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`,
    );
  if (options.exitPolicy !== undefined && !['continue', 'stop'].includes(options.exitPolicy))
    throw new BadRequest(
      `running pod create option: invalid pod exit policy: "${String(options.exitPolicy)}"`,
    );
  if (options.infra !== false) return;
  if (options.infraName !== undefined)
    throw new BadRequest('cannot set infra-name without an infra container');
  if (Object.keys(options.hostConfig?.PortBindings ?? {}).length > 0)
    throw new BadRequest('you must have an infra container to publish port bindings to the host');
  if (options.noHosts) throw new BadRequest('cannot specify --no-hosts without an infra container');
}

/** @throws BadRequest when the file is there: another pod's id may be in it */
async function reserveIdFile(path: string) {
  try {
    return await open(path, 'wx', 0o644);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new BadRequest(`pod id file exists. Ensure another pod is not using it or delete ${path}`);
    throw new BadRequest(`opening pod-id-file ${path}`, { cause });
  }
}
