import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Conflict, NotFound, systemClock } from '../base/index.ts';
import {
  type Engine,
  type ImageLibrary,
  type OutsideRequest,
  openEngine,
  RootlessHostNetwork,
  RootlessOutside,
  requirePrograms,
  sweepBuilds,
} from '../engine/index.ts';
import { LibpodContainers } from './containers/libpod-containers.ts';
import { inventName } from './containers/names.ts';
import type { ContainerParts } from './containers/parts.ts';
import type { Container } from './containers/stored-container.ts';
import type { FileEvents } from './events/file-events.ts';
import { imageEvent, openEvents } from './events/index.ts';
import { HealthChecks } from './health/health-checks.ts';
import { healthCheckPlan } from './health/health-config.ts';
import type { Libpod, LibpodOptions } from './libpod.ts';
import { LocalUserNetworks } from './networks/local-user-networks.ts';
import type { NetworkedContainers } from './networks/networked-containers.ts';
import { LocalPods } from './pods/local-pods.ts';
import { PodRecords } from './pods/pod-records.ts';
import { Restarts } from './restarts/restarts.ts';
import { LocalSecrets } from './secrets/local-secrets.ts';
import { ContainerHooks } from './system/container-hooks.ts';
import { LocalSystem } from './system/local-system.ts';
import { LocalVolumes } from './volumes/local-volumes.ts';

/** Of the engine's own bridge, which libpod's containers do not use. */
const UNUSED_SUBNET = '10.43.255.0/24';
const PAUSE_IMAGE = 'localhost/podman-pause:latest';

/** Opens libpod over its directories: each part on files of its own, all of them on one engine. */
export async function openLibpod(options: LibpodOptions): Promise<Libpod> {
  const { directory, log, self, environment } = options;
  const clock = options.clock ?? systemClock;
  const instance = createHash('sha256').update(directory).digest('hex').slice(0, 6);
  const events = openEvents(options);
  const engine = await openEngine({
    ...{ directory, instance, log, clock, subnet: UNUSED_SUBNET },
    imagesDirectory: options.imagesDirectory,
    imageEvents: (event) => events.append(imageEvent(event)),
    ...(options.layerLimitBytes !== undefined && { layerLimitBytes: options.layerLimitBytes }),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(options.conmon !== undefined && { conmon: options.conmon }),
    ...(options.runtimeFlags !== undefined && { runtimeFlags: options.runtimeFlags }),
    ...(options.conmonEnvironment !== undefined && { conmonEnvironment: options.conmonEnvironment }),
  });
  const images = engine.images as ImageLibrary;
  const isRootless = options.rootless !== undefined;
  const hostNetwork = isRootless ? new RootlessHostNetwork(self.slice(0, 2)) : undefined;
  const outside = outsideOf(options, hostNetwork);
  const parts: ContainerParts = { events, outside };
  const containers = new LibpodContainers({
    ...{ engine, directory, instance, parts, self, environment, clock },
    isRootless,
  });
  const networks = await LocalUserNetworks.open({
    ...{ directory: join(directory, 'networks'), instance, clock, events },
    containers: () => networkedContainers(containers),
    ...(hostNetwork !== undefined && {
      enterHost: () => hostNetwork.enter(),
      leaveHost: () => hostNetwork.releaseEntered(),
    }),
  });
  const volumes = await LocalVolumes.open({
    ...{
      directory: options.volumesDirectory ?? join(directory, 'volumes'),
      locks: join(directory, 'locks'),
      clock,
      events,
    },
    containers: () => volumeUsers(containers),
  });
  const secrets = new LocalSecrets({ directory: join(directory, 'secrets'), clock, events });
  const restarts = new Restarts(join(directory, 'restarts'), clock);
  const health = healthChecks({ options, containers, events });
  const pods = new LocalPods({
    records: new PodRecords(join(directory, 'pods')),
    ...{ containers, images, events, pauseImage: options.pauseImage ?? PAUSE_IMAGE, makeName: inventName },
    cgroupRoot: `/orrery-${instance}`,
  });
  const hooks = new ContainerHooks({ restarts, health, pods });
  Object.assign(parts, {
    ...{ networks, volumes, secrets, pods },
    lifecycle: Object.assign(hooks, { checkHealth: (one: Container) => checkHealth(one, health) }),
  } satisfies Partial<ContainerParts>);
  const system = new LocalSystem({
    ...{ engine, containers, pods, networks, volumes, secrets, events, restarts, health },
    ...{ self, environment, clock, log },
    sweepBuilds: () => sweepBuilds(options.imagesDirectory),
  });
  await system.repairProcesses();
  return { engine: engine as Engine, images, containers, networks, volumes, secrets, pods, events, system };
}

/** What leads out of containers beside networks; the network that stands for the host goes with the last of them. */
function outsideOf({ directory, self }: LibpodOptions, hostNetwork: RootlessHostNetwork | undefined) {
  const outside = new RootlessOutside({ directory, self: self.slice(0, 2) });
  return {
    connect: (request: OutsideRequest) => outside.connect(request),
    disconnect: async (containerId: string) => {
      await outside.disconnect(containerId);
      await hostNetwork?.release();
    },
  };
}

function healthChecks(given: {
  options: LibpodOptions;
  containers: LibpodContainers;
  events: FileEvents;
}): HealthChecks {
  const { options, containers, events } = given;
  return new HealthChecks({
    folder: join(options.directory, 'health'),
    ...{ self: options.self, environment: options.environment },
    settings: async () => ({
      self: options.self,
      runc: options.runtime ?? (await requirePrograms()).runc,
      ...(options.events !== undefined && { events: options.events }),
    }),
    actions: {
      exec: async (id, command) => {
        const exec = await containers.exec.create(id, { Cmd: command });
        return (await containers.exec.start(exec))!;
      },
      kill: (id) => containers.kill(id),
      stop: async (id) => void (await containers.stop(id)),
      restart: (id) => containers.restart(id),
      tell: async (id, status) => {
        const { name, stored } = await containers.store.load(id);
        await events.append({
          ...{ Type: 'container', Status: 'health_status', ID: id, Name: name, Image: stored.image },
          HealthStatus: status,
        });
      },
    },
  });
}

async function checkHealth(
  { id, state, stored }: Container,
  health: HealthChecks,
): Promise<{ status: string; exitCode: number }> {
  const plan = healthCheckPlan(stored.config.Healthcheck, undefined, stored.config.Shell);
  if (plan === undefined) throw new NotFound(`has no defined healthcheck: container ${id}`);
  if (state.status !== 'running')
    throw new Conflict(`container ${id} is not running: container state improper`);
  const { state: now, exitCode } = await health.run({
    ...{ id, plan, onFailure: stored.options.Podman?.HealthOnFailure ?? 'none' },
    startedAtMs: Date.parse(state.startedAt ?? ''),
  });
  return { status: now.Status, exitCode };
}

/** Containers as networks see them. */
function networkedContainers(containers: LibpodContainers): NetworkedContainers {
  const { store } = containers;
  return {
    idOf: (text) => store.idOf(text),
    list: async () =>
      (await store.list()).map(({ id, name, state, stored }) => ({
        ...{ id, name, isRunning: state.status === 'running' },
        networks: Object.keys(stored.networks),
        networkMode: stored.hostConfig.NetworkMode ?? '',
      })),
    setUpOf: async (id) => {
      const { name, stored } = await store.load(id);
      return {
        ...{ containerId: id, containerName: name, namespacePath: '' },
        hostname: stored.config.Hostname || id.slice(0, 12),
        networks: stored.networks,
        ports: stored.ports,
      };
    },
    setNetworks: (id, networks) => containers.setNetworks(id, networks),
    remove: (id, options) => containers.remove(id, { ...options, force: true, depend: true }),
  };
}

/** Containers as volumes see them. */
function volumeUsers(containers: LibpodContainers) {
  return {
    list: async () =>
      (await containers.store.list()).map(({ id, stored }) => ({
        id,
        volumes: stored.mounts.flatMap((one) => (one.type === 'volume' ? [one.name!] : [])),
      })),
    remove: (id: string, options: { timeoutSeconds?: number }) =>
      containers.remove(id, { ...options, force: true }),
  };
}
