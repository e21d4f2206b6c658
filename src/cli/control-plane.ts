import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock, Log } from '../base/index.ts';
import { BackgroundEventRecorder, type Client, InformerFactory, LeaderElection } from '../client/index.ts';
import { type ControllersConfig, createControllers } from '../controllers/index.ts';
import { createScheduler } from '../scheduler/index.ts';
import type { ComponentClients } from './component-clients.ts';

/** kube-controller-manager's and kube-scheduler's --leader-elect flags, which count for both here. */
export interface LeaderElectionConfig {
  /** False: controllers and scheduler run at once, whoever else runs them. */
  enabled: boolean;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
}

export interface ControlPlaneOptions {
  clients: ComponentClients;
  config: ControllersConfig;
  election: LeaderElectionConfig;
  /** This process owns the store: nobody else can lead. */
  isSole: boolean;
  clock: Clock;
  log: Log;
}

export interface ControlPlane {
  /** Until `signal` aborts; then the leases are given up. Rejects when controllers or scheduler fail as a whole. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when controllers and scheduler work; at once where another server may be leading. */
  ready(): Promise<void>;
}

const NAMESPACE = 'kube-system';

/**
 * Controllers and scheduler, each behind its Lease in kube-system. Where the store is ours alone they share their
 * caches; where several servers take part each lead begins with caches of its own, since the other may be elsewhere.
 */
export function createControlPlane(options: ControlPlaneOptions): ControlPlane {
  const { clients, clock, log, isSole } = options;
  const recorder = new BackgroundEventRecorder({
    client: clients.controllerManager,
    component: 'controllers',
    clock,
    log,
  });
  const schedulerRecorder = new BackgroundEventRecorder({
    client: clients.scheduler,
    component: 'default-scheduler',
    clock,
    log,
  });
  const informersOf = (client: Client) => new InformerFactory({ client, clock, log });
  const shared = isSole ? informersOf(clients.controllerManager) : undefined;
  const ready = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;

  const runControllers = async (signal: AbortSignal): Promise<void> => {
    const controllers = createControllers({
      client: clients.controllerManager,
      clientFor: clients.controller,
      recorder,
      clock,
      log,
      config: options.config,
      ...(shared !== undefined && { informers: shared }),
    });
    void controllers.ready().then(ready[0].resolve);
    await controllers.run(signal);
  };
  const runScheduler = async (signal: AbortSignal): Promise<void> => {
    const informers = shared ?? informersOf(clients.scheduler);
    const scheduler = createScheduler({
      client: clients.scheduler,
      informers,
      recorder: schedulerRecorder,
      clock,
      log,
    });
    void scheduler.ready().then(ready[1].resolve);
    await Promise.all([shared === undefined && informers.run(signal), scheduler.run(signal)]);
  };
  return {
    run: async (signal) => {
      const recording = [recorder.run(signal), schedulerRecorder.run(signal)];
      await Promise.all([
        ...recording,
        elected(
          { ...options, client: clients.controllerManager, name: 'kube-controller-manager' },
          runControllers,
          signal,
        ),
        elected({ ...options, client: clients.scheduler, name: 'kube-scheduler' }, runScheduler, signal),
      ]);
    },
    ready: async () => {
      if (isSole) await Promise.all(ready.map(({ promise }) => promise));
    },
  };
}

/** Runs `work` while the lease is held, again and again. Rejects with what `work` rejects with. */
async function elected(
  options: ControlPlaneOptions & { client: Client; name: string },
  work: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { client, name, clock, log, isSole, election } = options;
  const { enabled, ...times } = election;
  if (!enabled) return work(signal);
  const failed = Promise.withResolvers<never>();
  const candidate = new LeaderElection({
    client,
    namespace: NAMESPACE,
    name,
    identity: `${hostname()}_${randomUUID()}`,
    lead: (leading) =>
      work(leading).catch((error: unknown) => {
        failed.reject(error);
        throw error;
      }),
    clock,
    log,
    isSole,
    ...times,
  });
  await Promise.race([candidate.run(signal), failed.promise]);
}
