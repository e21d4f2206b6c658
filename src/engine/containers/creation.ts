import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest, type Clock, Conflict, NotFound } from '../../base/index.ts';
import type { ContainerSecurity, ContainerSpec, Image } from '../engine.ts';
import type { DiskImageStore } from '../images/image-store.ts';
import { parseJson } from '../images/media-types.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { adaptToUserNamespace } from '../rootless/oci-adaptation.ts';
import { processIdentity } from '../system/process-identity.ts';
import { availableCapabilities, containerCapabilities } from './capabilities.ts';
import type { CgroupHierarchies } from './cgroups.ts';
import { readHostFacts } from './host-facts.ts';
import { ociConfig, ociText } from './oci-config.ts';
import { type ContainerRecord, isContainerId, type Records } from './records.ts';
import { isRootMounted, mountRoot, unmountRoot } from './root-filesystem.ts';
import type { SeccompProfile } from './seccomp.ts';
import { readTemplate, resolveTemplate } from './seccomp-template.ts';
import { mapLayers, openWay } from './user-namespace.ts';
import { lookUpUser } from './users.ts';

export interface CreationOptions {
  records: Records;
  images: () => DiskImageStore;
  clock: Clock;
  hierarchies: CgroupHierarchies;
  /** The first process of a container that runs. */
  pidOf(id: string): Promise<number | undefined>;
}

/** Makes a container's record, root file system and `config.json`; the kernel knows no process of it yet. */
export class Creation {
  readonly #options: CreationOptions;

  constructor(options: CreationOptions) {
    this.#options = options;
  }

  async create(spec: ContainerSpec): Promise<string> {
    const { records, images } = this.#options;
    checkSpec(spec);
    const image = await this.#imageOf(spec);
    const id = spec.id ?? randomBytes(32).toString('hex');
    await records.claimName(spec.name, id);
    let record: ContainerRecord | undefined;
    try {
      const layers = image === undefined ? NO_LAYERS : await images().layerFolders(image);
      record = this.#recordOf(id, spec, image ?? NO_IMAGE, layers);
      await records.add(record);
      if (!spec.deferred) await this.#build(record, spec, image ?? NO_IMAGE);
      return id;
    } catch (error) {
      if (record !== undefined) await this.discard(record);
      else await records.releaseName(spec.name, id);
      throw error;
    }
  }

  /** Makes root and config.json of a deferred one; for each of its runs anew. */
  async prepare(record: ContainerRecord, spec: ContainerSpec): Promise<void> {
    checkSpec(spec);
    const image = spec.process === undefined ? await this.#imageOf(spec) : undefined;
    await this.#build(record, spec, image ?? NO_IMAGE);
  }

  async #imageOf(spec: ContainerSpec): Promise<Image | undefined> {
    if (spec.rootfs !== undefined) return undefined;
    const image = await this.#options.images().resolve(spec.image);
    if (image === undefined) throw new NotFound(`no such image: ${spec.image}`);
    return image;
  }

  /** @returns its root on the host. */
  async mountRoot(record: ContainerRecord): Promise<string> {
    if (record.rootfs !== undefined) return record.rootfs;
    const folder = this.#options.records.folderOf(record.id);
    if (await isRootMounted(folder)) return join(folder, 'rootfs');
    const { idMappings: mappings, layerNames = [], isVolatile = false } = record;
    if (mappings !== undefined) {
      const { layersFolder, names } = await mapLayers({
        ...{ folder, layersFolder: this.#options.images().layers.folder, layerNames, mappings },
      });
      await openWay(folder, mappings);
      return await mountRoot(folder, layersFolder, names, { isVolatile });
    }
    if (record.overlaidRootfs !== undefined)
      return await mountRoot(folder, '/', [record.overlaidRootfs], { isVolatile });
    // A deferred one is libpod's: a `/` that no layer says anything of is as containers/storage makes it.
    const mode = record.deferred ? 0o555 : 0o755;
    return await mountRoot(folder, this.#options.images().layers.folder, layerNames, { mode, isVolatile });
  }

  async #pidNamespace({ pidNamespaceOf: id }: ContainerSpec): Promise<string | undefined> {
    if (id === undefined) return undefined;
    const pid = await this.#options.pidOf(id);
    if (pid === undefined) throw new Conflict(`container ${id} does not run: its processes cannot be shared`);
    return `/proc/${pid}/ns/pid`;
  }

  /** Unmounts and forgets a container that has no process. */
  async discard(record: ContainerRecord): Promise<void> {
    unmountRoot(this.#options.records.folderOf(record.id));
    await this.#options.records.erase(record);
  }

  #recordOf(
    id: string,
    spec: ContainerSpec,
    image: Pick<Image, 'id' | 'config'>,
    layers: { diffIds: string[]; names: string[] },
  ): ContainerRecord {
    return {
      id,
      name: spec.name,
      image: spec.image,
      imageId: image.id,
      layers: layers.diffIds,
      layerNames: layers.names,
      createdAt: new Date(this.#options.clock.now()).toISOString(),
      labels: spec.labels,
      logPath: spec.logPath,
      stopSignal: spec.stopSignal ?? image.config.StopSignal ?? 'SIGTERM',
      cgroupParent: spec.cgroupParent,
      cgroupPath: join(spec.cgroupParent, id),
      tty: spec.tty,
      stdin: spec.stdin,
      ...(spec.stdinOnce && { stdinOnce: true }),
      hostPid: sharesProcesses(spec),
      resources: spec.resources,
      ...(spec.deferred && { deferred: true }),
      ...(spec.durable && { durable: true }),
      ...(spec.isVolatile && { isVolatile: true }),
      ...(spec.rootfs !== undefined &&
        (spec.overlaysRootfs ? { overlaidRootfs: spec.rootfs } : { rootfs: spec.rootfs })),
      ...(spec.idMappings && { idMappings: spec.idMappings }),
      ...(spec.details !== undefined && { details: spec.details }),
      creator: processIdentity(process.pid)!,
    };
  }

  /** `config.json` is written last: with it the container is complete. */
  async #build(record: ContainerRecord, spec: ContainerSpec, image: Pick<Image, 'config'>): Promise<void> {
    const root = await this.mountRoot(record);
    const { privileged = false } = spec.security;
    const name = spec.user ?? image.config.User ?? '';
    const user = await lookUpUser(name, root, spec.supplementalGroups ?? [], spec.groupAdd ?? []);
    const capabilities = capabilitiesOf(spec.security, user.uid !== 0);
    const pidNamespacePath = await this.#pidNamespace(spec);
    const asked = ociConfig({
      spec,
      ...(pidNamespacePath !== undefined && { pidNamespacePath }),
      image: image.config,
      rootPath: root,
      user,
      ...capabilities,
      cgroupPath: record.cgroupPath,
      host: await readHostFacts(this.#options.hierarchies, privileged),
      ...(await seccompProfileOf(spec, capabilities.capabilities)),
    });
    const config = adaptToUserNamespace(asked, rootlessFacts(), spec.devices);
    await mkdir(dirname(spec.logPath), { recursive: true });
    await this.#options.records.writeText(record.id, 'config.json', ociText(config));
  }
}

/** Of a container whose root is a folder of the host's. */
const NO_IMAGE: Pick<Image, 'id' | 'config'> = { id: '', config: {} };
const NO_LAYERS = { diffIds: [], names: [] };

function sharesProcesses(spec: ContainerSpec): boolean {
  const asked = spec.namespaces?.pid;
  return (
    spec.hostPid === true || spec.pidNamespaceOf !== undefined || (asked !== undefined && asked !== 'private')
  );
}

function capabilitiesOf(security: ContainerSecurity, isUser: boolean) {
  const { capAdd, capDrop, privileged, defaultCapabilities, noneForUsers } = security;
  const available = availableCapabilities();
  const options = {
    ...(privileged && { privileged }),
    ...(capAdd && { add: capAdd }),
    ...(capDrop && { drop: capDrop }),
    ...(defaultCapabilities && { base: defaultCapabilities }),
  };
  const capabilities = containerCapabilities(options, available);
  if (!noneForUsers || !isUser) return { capabilities };
  const added = containerCapabilities({ base: [], ...(capAdd && { add: capAdd }) }, available);
  return { capabilities, userCapabilities: added.filter((one) => capabilities.includes(one)) };
}

async function seccompProfileOf(
  { security }: ContainerSpec,
  capabilities: string[],
): Promise<{ seccompProfile?: SeccompProfile }> {
  const { seccomp, seccompTemplate, privileged } = security;
  if (seccompTemplate !== undefined)
    return { seccompProfile: resolveTemplate(await readTemplate(seccompTemplate), capabilities) };
  if (typeof seccomp === 'object' && !privileged)
    return { seccompProfile: await readProfile(seccomp.profilePath) };
  return {};
}

function checkSpec(spec: ContainerSpec): void {
  if (spec.id !== undefined && !isContainerId(spec.id))
    throw new BadRequest(`${JSON.stringify(spec.id)} is not a container's id`);
  if (spec.name === '') throw new BadRequest('a container needs a name');
  if (!/^(?:\/[A-Za-z0-9][A-Za-z0-9_.-]*)+$/.test(spec.cgroupParent))
    throw new BadRequest(`${JSON.stringify(spec.cgroupParent)} is not a control group's path`);
  if (!spec.logPath.startsWith('/')) throw new BadRequest(`the log path ${spec.logPath} is not absolute`);
  if (spec.network !== 'host' && spec.network !== 'private' && !spec.network.startsWith('/'))
    throw new BadRequest(
      `the network ${JSON.stringify(spec.network)} is neither 'host' or 'private' nor a namespace's path`,
    );
}

/** @throws BadRequest for Docker's template format, which runc would read as something else. */
async function readProfile(path: string): Promise<SeccompProfile> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new BadRequest(`the seccomp profile ${path} does not exist`, { cause: error });
  }
  const profile = parseJson(bytes, `the seccomp profile ${path}`) as SeccompProfile & Record<string, unknown>;
  const rules: object[] = profile.syscalls ?? [];
  for (const field of ['archMap', 'includes', 'excludes'])
    if (field in profile || rules.some((rule) => field in rule))
      throw new BadRequest(`the seccomp profile ${path} has the field ${field}, which is not supported`);
  return profile;
}
