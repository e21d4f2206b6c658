import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest, type Clock, Conflict, NotFound } from '../../base/index.ts';
import type { ContainerSpec, Image } from '../engine.ts';
import type { DiskImageStore } from '../images/image-store.ts';
import { parseJson } from '../images/media-types.ts';
import { processIdentity } from '../system/process-identity.ts';
import { availableCapabilities, containerCapabilities } from './capabilities.ts';
import type { CgroupHierarchies } from './cgroups.ts';
import { readHostFacts } from './host-facts.ts';
import { ociConfig } from './oci-config.ts';
import type { ContainerRecord, Records } from './records.ts';
import { mountRoot, unmountRoot } from './root-filesystem.ts';
import type { SeccompProfile } from './seccomp.ts';
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
    const image = await images().resolve(spec.image);
    if (image === undefined) throw new NotFound(`no such image: ${spec.image}`);
    const id = randomBytes(32).toString('hex');
    await records.claimName(spec.name, id);
    let record: ContainerRecord | undefined;
    try {
      const layers = await images().layerFolders(image);
      record = this.#recordOf(id, spec, image, layers.diffIds);
      await records.add(record);
      await this.#build(record, spec, image, layers.names);
      return id;
    } catch (error) {
      if (record !== undefined) await this.discard(record);
      else await records.releaseName(spec.name, id);
      throw error;
    }
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

  #recordOf(id: string, spec: ContainerSpec, image: Image, layers: string[]): ContainerRecord {
    return {
      id,
      name: spec.name,
      image: spec.image,
      imageId: image.id,
      layers,
      createdAt: new Date(this.#options.clock.now()).toISOString(),
      labels: spec.labels,
      logPath: spec.logPath,
      stopSignal: spec.stopSignal ?? image.config.StopSignal ?? 'SIGTERM',
      cgroupParent: spec.cgroupParent,
      cgroupPath: join(spec.cgroupParent, id),
      tty: spec.tty,
      stdin: spec.stdin,
      ...(spec.stdinOnce && { stdinOnce: true }),
      hostPid: spec.hostPid === true || spec.pidNamespaceOf !== undefined,
      resources: spec.resources,
      creator: processIdentity(process.pid)!,
    };
  }

  /** `config.json` is written last: with it the container is complete. */
  async #build(
    record: ContainerRecord,
    spec: ContainerSpec,
    image: Image,
    layerNames: string[],
  ): Promise<void> {
    const folder = this.#options.records.folderOf(record.id);
    const root = await mountRoot(folder, this.#options.images().layers.folder, layerNames);
    const { capAdd, capDrop, privileged = false, seccomp } = spec.security;
    const user = await lookUpUser(spec.user ?? image.config.User ?? '', root, spec.supplementalGroups ?? []);
    const pidNamespacePath = await this.#pidNamespace(spec);
    const config = ociConfig({
      spec,
      ...(pidNamespacePath !== undefined && { pidNamespacePath }),
      image: image.config,
      rootPath: root,
      user,
      capabilities: containerCapabilities(
        { privileged, ...(capAdd && { add: capAdd }), ...(capDrop && { drop: capDrop }) },
        availableCapabilities(),
      ),
      cgroupPath: record.cgroupPath,
      host: await readHostFacts(this.#options.hierarchies, privileged),
      ...(typeof seccomp === 'object' && { seccompProfile: await readProfile(seccomp.profilePath) }),
    });
    await mkdir(dirname(spec.logPath), { recursive: true });
    await this.#options.records.write(record.id, 'config.json', config);
  }
}

function checkSpec(spec: ContainerSpec): void {
  if (spec.name === '') throw new BadRequest('a container needs a name');
  if (!/^(?:\/[A-Za-z0-9][A-Za-z0-9_.-]*)+$/.test(spec.cgroupParent))
    throw new BadRequest(`${JSON.stringify(spec.cgroupParent)} is not a control group's path`);
  if (!spec.logPath.startsWith('/')) throw new BadRequest(`the log path ${spec.logPath} is not absolute`);
  if (spec.network !== 'host' && !spec.network.startsWith('/'))
    throw new BadRequest(
      `the network ${JSON.stringify(spec.network)} is neither 'host' nor a namespace's path`,
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
