import { spawn } from 'node:child_process';
import type { Clock, Log } from '../../base/index.ts';
import { NotFound } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { HealthChecks } from '../health/health-checks.ts';
import type {
  Containers,
  Events,
  Filters,
  LibpodOptions,
  LibpodSystem,
  Pods,
  PruneReport,
  Secrets,
  SystemUsage,
  UserNetworks,
  Volumes,
} from '../libpod.ts';
import { comesBackAfterReboot } from '../restarts/restart-decision.ts';
import type { Restarts } from '../restarts/restarts.ts';
import { systemUsage } from './system-usage.ts';

export interface LocalSystemOptions {
  engine: Engine;
  containers: Containers & { undoCutOffStarts(): Promise<string[]> };
  pods: Pods;
  networks: UserNetworks & Upkeep;
  volumes: Volumes & Upkeep;
  secrets: Secrets;
  events: Events;
  restarts: Restarts;
  health: HealthChecks;
  self: LibpodOptions['self'];
  environment: LibpodOptions['environment'];
  clock: Clock;
  log: Log;
  /** Takes away what builds that were killed have left. @returns their folders */
  sweepBuilds: () => Promise<string[]>;
}

/** A part that knows what it has on the host. */
interface Upkeep {
  /** Gives back what processes that died have left; each in a line. */
  check(): Promise<string[]>;
  /** Takes all of it away. */
  reset(): Promise<void>;
}

/** What concerns all of it at once: usage, pruning, repair, the time after a reboot. */
export class LocalSystem implements LibpodSystem {
  readonly #options: LocalSystemOptions;
  /** Found and undone when this process began. */
  readonly #undone: string[] = [];

  constructor(options: LocalSystemOptions) {
    this.#options = options;
  }

  async df(): Promise<SystemUsage> {
    return await systemUsage(this.#options);
  }

  async prune(options: { all?: boolean; volumes?: boolean; filters?: Filters }): Promise<PruneReport> {
    const { containers, pods, engine, networks, volumes } = this.#options;
    const filters = options.filters ?? {};
    const removedPods = await pods.prune();
    const ofContainers = await containers.prune(filters);
    const removedNetworks = await networks.prune(filters);
    const ofImages = await engine.images.prune({ all: options.all === true, filters });
    const ofVolumes = options.volumes
      ? await volumes.prune(filters)
      : { deleted: [] as string[], reclaimedBytes: 0 };
    return {
      pods: removedPods,
      containers: ofContainers.deleted,
      networks: removedNetworks,
      images: [...ofImages.untagged, ...ofImages.deleted],
      volumes: ofVolumes.deleted,
      reclaimedBytes: ofContainers.reclaimedBytes + ofImages.reclaimedBytes + ofVolumes.reclaimedBytes,
    };
  }

  async check(): Promise<string[]> {
    const { containers, engine, health, pods, networks, volumes } = this.#options;
    const found = this.#undone.map((id) => `the start of container ${id} was cut off: undone`);
    for (const id of await this.resume())
      found.push(`container ${id} waited for its restart by a process that was killed: started`);
    if (await health.repair()) found.push('the health monitor was gone: started');
    const known = await containers.list({ all: true });
    for (const { id, status, name } of known.filter((one) => one.status === 'exited')) {
      await containers.cleanup(id);
      found.push(...(await this.#leftovers(id, `${name} (${status})`)));
    }
    for (const name of await engine.networks.listNamespaces()) {
      if (known.some(({ id }) => id.startsWith(name))) continue;
      await engine.networks.removeNamespace(name);
      found.push(`network namespace ${name} belonged to no container: removed`);
    }
    for (const pod of await pods.list())
      if (pod.infraId !== undefined && !pod.containers.some(({ id }) => id === pod.infraId)) {
        await pods.remove(pod.id, { force: true });
        found.push(`pod ${pod.name} had lost its infra container: removed`);
      }
    found.push(...(await networks.check()), ...(await volumes.check()));
    for (const folder of await this.#options.sweepBuilds())
      found.push(`the build in ${folder} was cut off: removed`);
    return found;
  }

  /** What an ended container still holds of the host is given back. */
  async #leftovers(id: string, what: string): Promise<string[]> {
    const { engine } = this.#options;
    const holdings = await engine.holdings();
    const held = [...holdings.mounts, ...holdings.cgroups].filter((path) => path.includes(id));
    if (held.length === 0) return [];
    await engine.cleanup(id);
    return [`container ${what} still held ${held.join(', ')}: given back`];
  }

  async reset(): Promise<void> {
    const { containers, engine, pods, networks, volumes, secrets } = this.#options;
    for (const pod of await pods.list()) await pods.remove(pod.id, { force: true, timeoutSeconds: 0 });
    for (const { id } of await containers.list({ all: true }))
      await ignoreGone(
        containers.remove(id, { force: true, volumes: true, depend: true, timeoutSeconds: 0 }),
      );
    for (const network of await networks.list())
      if (network.Name !== 'podman') await networks.remove(network.Name, { force: true });
    for (const volume of await volumes.list()) await volumes.remove(volume.Name, { force: true });
    for (const secret of await secrets.list()) await secrets.remove(secret.ID);
    for (const image of await engine.images.describe())
      await ignoreGone(engine.images.removeImage(image.id, { force: true }));
    await networks.reset();
    await volumes.reset();
    await this.#options.sweepBuilds();
    await engine.reset();
    await engine.images.sweep();
  }

  async boot(): Promise<string[]> {
    const { containers, restarts, log } = this.#options;
    const started: string[] = [];
    for (const { id, name, status, startedAt } of await containers.list({ all: true })) {
      if (status === 'running' || status === 'paused') continue;
      const { options } = await containers.inspect(id);
      const { wasStopped = false } = await restarts.read(id);
      const facts = { wasStopped, wasEverStarted: startedAt !== undefined };
      if (!comesBackAfterReboot(options.HostConfig.RestartPolicy, facts)) continue;
      try {
        await containers.start(id);
        started.push(name);
      } catch (error) {
        // One that cannot start must not keep the others from it.
        log.error('a container did not come back', { container: name, error });
      }
    }
    return started;
  }

  /** Starts again what a killed process waited to start. @returns the ids */
  async resume(): Promise<string[]> {
    const { restarts, containers } = this.#options;
    const resumed = await Promise.all(
      (await restarts.abandoned()).map(async (id) => {
        if (!(await containers.exists(id))) return await restarts.forget(id);
        if (!(await restarts.takeOver(id))) return undefined;
        const book = await restarts.read(id);
        await containers.start(id);
        await restarts.keepCount(id, book);
        return id;
      }),
    );
    return resumed.filter((id) => id !== undefined);
  }

  /** What every command does first, and at little cost: processes of ours that were killed are started again. */
  async repairProcesses(): Promise<void> {
    const { restarts, health, self, environment, containers } = this.#options;
    this.#undone.push(...(await containers.undoCutOffStarts()));
    await health.repair();
    await restarts.letOneResume(() => {
      const [program, ...args] = self;
      const child = spawn(program!, [...args, 'system', 'resume'], {
        detached: true,
        stdio: 'ignore',
        env: environment as NodeJS.ProcessEnv,
        cwd: '/',
      });
      child.once('error', (error) => this.#options.log.error('cannot resume restarts', { error }));
      child.unref();
      return child.pid;
    });
  }
}

async function ignoreGone(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
  }
}
