import { join } from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import { HealthChecks } from '../health/health-checks.ts';
import type { Containers, Events, LibpodOptions, Secrets, UserNetworks, Volumes } from '../libpod.ts';
import { LocalPods } from '../pods/local-pods.ts';
import { PodRecords } from '../pods/pod-records.ts';
import { Restarts } from '../restarts/restarts.ts';
import { ContainerHooks } from './container-hooks.ts';
import { LocalSystem } from './local-system.ts';

export interface UpkeepOptions {
  options: LibpodOptions;
  engine: Engine;
  events: Events;
  networks: UserNetworks;
  volumes: Volumes;
  secrets: Secrets;
  clock: Clock;
  /** Asked for only when something is done: containers are told of `hooks`, and need them first. */
  containers: () => Containers;
  makeName: () => string;
  /** Under which pods have their control groups. */
  cgroupRoot: string;
}

/** Pods, health checks, restarts and what concerns all, put together around containers. */
export function assembleUpkeep(parts: UpkeepOptions): {
  pods: LocalPods;
  hooks: ContainerHooks;
  system: LocalSystem;
  health: HealthChecks;
} {
  const { options, engine, events, clock } = parts;
  const containers = lazily(parts.containers);
  const restarts = new Restarts(join(options.directory, 'restarts'), clock);
  const health = new HealthChecks({
    folder: join(options.directory, 'health'),
    self: options.self,
    environment: options.environment,
    clock,
    actions: {
      exec: (id, command) => engine.exec(id, { command, tty: false, stdin: false }),
      kill: (id) => containers.kill(id, 'KILL'),
      stop: (id) => containers.stop(id),
      restart: (id) => containers.restart(id),
      tell: async (id, status) => {
        const { name, image, labels, podId } = await containers.inspect(id);
        await events.append({
          Type: 'container',
          Status: 'health_status',
          ID: id,
          Name: name,
          Image: image,
          Attributes: labels,
          HealthStatus: status,
          ...(podId !== undefined && { PodID: podId }),
        });
      },
    },
  });
  const pods = new LocalPods({
    records: new PodRecords(join(options.directory, 'pods')),
    containers,
    images: engine.images,
    events,
    pauseImage: options.pauseImage ?? 'localhost/podman-pause:latest',
    cgroupRoot: parts.cgroupRoot,
    makeName: parts.makeName,
  });
  const hooks = new ContainerHooks({ restarts, health, pods });
  const { self, environment, log } = options;
  const { networks, volumes, secrets } = parts;
  const system = new LocalSystem({
    ...{ engine, containers, pods, networks, volumes, secrets, events, restarts, health },
    ...{ self, environment, clock, log },
  });
  return { pods, hooks, system, health };
}

/** The containers, which do not exist yet while their parts are made. */
function lazily(get: () => Containers): Containers {
  return new Proxy({} as Containers, {
    get: (_, name) => {
      const containers = get();
      const value = containers[name as keyof Containers] as unknown;
      return typeof value === 'function' ? (value.bind(containers) as unknown) : value;
    },
  });
}
