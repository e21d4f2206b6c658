import { mkdir } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { BadRequest, type Clock, type Log, systemClock } from '../base/index.ts';
import { Containers } from './containers/containers.ts';
import { holdUserNamespace } from './containers/user-namespace.ts';
import type { Engine, EngineOptions, Holdings, ImageEvent, ImageLibrary } from './engine.ts';
import { EventfulImageLibrary } from './images/eventful-image-library.ts';
import { ImageHolders } from './images/image-holders.ts';
import { DiskImageLibrary } from './images/image-library.ts';
import { LocalNetworks } from './networks/local-networks.ts';
import { type EnginePrograms, requirePrograms } from './requirements.ts';

export interface LocalEngineOptions extends EngineOptions {
  log: Log;
  clock?: Clock;
  /** Paths of the OCI runtime (runc) and of conmon, when not those that are found. */
  runtime?: string;
  conmon?: string;
  runtimeFlags?: readonly string[];
  conmonEnvironment?: Readonly<Record<string, string>>;
  /** Folders in which `images.pack` looks for programs given by name: the caller's PATH. */
  searchPath?: string[];
  /** Told of what is done with images. */
  imageEvents?: (event: ImageEvent) => Promise<void>;
}

/**
 * The engine over one directory. Opening works on every host; what needs root, runc or conmon refuses with
 * EngineUnavailable when asked for, naming what is missing.
 *
 * @throws BadRequest for options that are not of their form.
 */
export async function openEngine(options: LocalEngineOptions): Promise<Engine> {
  if (!isAbsolute(options.directory))
    throw new BadRequest(`the engine's directory ${options.directory} is not absolute`);
  if (!/^[0-9a-f]{6}$/.test(options.instance))
    throw new BadRequest(`the instance ${options.instance} is not six hex digits`);
  if (!/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/.test(options.subnet))
    throw new BadRequest(`the subnet ${options.subnet} is not an IPv4 range`);
  await mkdir(options.directory, { recursive: true, mode: 0o711 });
  let found: EnginePrograms | undefined;
  const programs = async () => {
    found ??= {
      ...(await requirePrograms()),
      ...(options.runtime !== undefined && { runc: options.runtime }),
      ...(options.conmon !== undefined && { conmon: options.conmon }),
      ...(options.runtimeFlags && { runtimeFlags: options.runtimeFlags }),
      ...(options.conmonEnvironment && { conmonEnvironment: options.conmonEnvironment }),
    };
    return found;
  };
  const imagesDirectory = options.imagesDirectory ?? options.directory;
  const images = imageLibrary(imagesDirectory, options);
  await new ImageHolders(join(imagesDirectory, 'holders')).add(options.instance, options.directory);
  const containers: Containers = await Containers.open({
    directory: options.directory,
    instance: options.instance,
    images: () => images,
    programs,
    log: options.log,
    clock: options.clock ?? systemClock,
  });
  await images.open();
  const networks = new LocalNetworks({
    directory: options.directory,
    instance: options.instance,
    subnet: options.subnet,
    programs,
  });
  await networks.open();
  return assemble(images, containers, networks);
}

/** The images alone, for what needs no container. */
export async function openImageLibrary(
  options: Pick<LocalEngineOptions, 'directory' | 'log' | 'searchPath' | 'imageEvents' | 'layerLimitBytes'>,
): Promise<ImageLibrary> {
  const library = imageLibrary(options.directory, options);
  await library.open();
  return library;
}

function imageLibrary(
  directory: string,
  options: Pick<LocalEngineOptions, 'log' | 'searchPath' | 'imageEvents' | 'layerLimitBytes'>,
): DiskImageLibrary {
  const holders = new ImageHolders(join(directory, 'holders'));
  const own = {
    directory,
    log: options.log,
    canUnpack: process.geteuid?.() === 0,
    layersInUse: () => holders.layersInUse(),
    usersOf: (imageId: string) => holders.usersOf(imageId),
    ...(options.searchPath && { searchPath: options.searchPath }),
    ...(options.layerLimitBytes !== undefined && { layerLimitBytes: options.layerLimitBytes }),
  };
  const { imageEvents: tell } = options;
  return tell === undefined ? new DiskImageLibrary(own) : new EventfulImageLibrary({ ...own, tell });
}

function assemble(images: DiskImageLibrary, containers: Containers, networks: LocalNetworks): Engine {
  return {
    images,
    networks,
    create: (spec) => containers.create(spec),
    start: (id) => containers.start(id),
    init: (id, spec) => containers.init(id, spec),
    startMonitor: (id, monitor) => containers.startMonitor(id, monitor),
    dismissMonitor: (id) => containers.dismissMonitor(id),
    cleanup: (id) => containers.cleanup(id),
    pause: (id) => containers.pause(id),
    unpause: (id) => containers.unpause(id),
    rename: (id, name) => containers.rename(id, name),
    writeDetails: (id, details) => containers.writeDetails(id, details),
    mountRoot: (id) => containers.mountRoot(id),
    unmountRoot: (id) => containers.unmountRoot(id),
    pathsOf: (id) => containers.pathsOf(id),
    find: (text) => containers.records.find(text),
    ended: (id, signal) => containers.ended(id, signal),
    userNamespace: (mappings) => holdUserNamespace(mappings),
    processesOf: (id) => containers.processesOf(id),
    statistics: (id) => containers.statistics(id),
    locked: (id, work) => containers.lockedByCaller(id, work),
    stop: (id, timeoutSeconds, signal) => containers.stop(id, timeoutSeconds, signal),
    kill: (id, signal) => containers.kill(id, signal),
    remove: (id, options) => containers.remove(id, options),
    inspect: (id) => containers.inspect(id),
    list: (filter) => containers.list(filter),
    watch: (signal) => containers.watch(signal),
    exec: (id, options) => containers.exec(id, options),
    execDetached: (id, options, session) => containers.execDetached(id, options, session),
    attach: (id) => containers.attach(id),
    reopenLog: (id) => containers.reopenLog(id),
    update: (id, limits) => containers.update(id, limits),
    usage: (id) => containers.usage(id),
    holdings: async (): Promise<Holdings> => ({
      containers: await containers.records.ids(),
      mounts: [...(await containers.mounts()), ...(await networks.pins())],
      namespaces: await networks.listNamespaces(),
      cgroups: await containers.cgroups(),
      addresses: await networks.addresses(),
      links: await networks.links(),
    }),
    reset: async () => {
      await containers.reset();
      await networks.reset();
    },
  };
}
