import { type Log, messageOf, NotFound } from '../../base/index.ts';
import { Informer, PODS } from '../../client/index.ts';
import { type corev1, ROOT_WORKSPACE } from '../../kube/index.ts';
import { rotateLogs } from '../containers/log-rotation.ts';
import type { FoundContainer, FoundPod, PodLookup } from '../pod-lookup.ts';
import { exceededVolumeLimit } from '../volumes/volume-limits.ts';
import { incarnations } from './engine-labels.ts';
import { type PodCheckpoint, readCheckpoints } from './pod-checkpoint.ts';
import { PodFolder } from './pod-folder.ts';
import { removePod } from './pod-removal.ts';
import type { PodServices } from './pod-services.ts';
import { type PodOrigin, PodWorker } from './pod-worker.ts';

/** How long a starting node waits for the API server before it goes by its checkpoints alone. */
const patienceMs = 3_000;
const watchRetryMs = 1_000;
const relistMs = 120_000;
const limitsEveryMs = 10_000;

/**
 * All pods of this node: one worker each, fed by the API server's watch, the engine's watch and, at the
 * start, by what an earlier process left on disk and in the engine.
 */
export class PodManager implements PodLookup {
  readonly #services: PodServices;
  readonly #log: Log;
  readonly #informer: Informer<corev1.Pod>;
  readonly #workers = new Map<string, PodWorker>();
  #signal: AbortSignal | undefined;

  constructor(services: PodServices, nodeName: string) {
    this.#services = services;
    this.#log = services.log;
    this.#informer = new Informer<corev1.Pod>({
      // Whoever may write Pods in another workspace must not run them here by naming this node in them.
      client: services.client.in(ROOT_WORKSPACE),
      resource: PODS,
      fieldSelector: `spec.nodeName=${nodeName}`,
      clock: services.clock,
      log: services.log,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { containers, clock, engine, nodeDirectory, objects, prober, statuses } = this.#services;
    statuses.start(signal);
    objects.start(signal);
    await containers.refreshAll();
    const watching = this.#watchEngine(signal);
    const informing = this.#informer.run(signal);
    const found = await readCheckpoints(nodeDirectory, this.#log);
    const timeout = new AbortController();
    await Promise.race([
      this.#informer.synced(),
      // Rejects when the node stops or the timer is not needed any more.
      clock.sleep(patienceMs, AbortSignal.any([signal, timeout.signal])).catch(() => undefined),
    ]);
    timeout.abort();
    if (!this.#informer.isSynced) {
      this.#log.warn('no API server yet, going on with the pods of the last run', {
        pods: found.checkpoints.length,
      });
      for (const { pod, startTimeMs } of found.checkpoints) this.#add(pod, { startTimeMs, isInApi: true });
    }
    this.#informer.addHandler({
      onAdd: (pod) =>
        this.#upsert(
          pod,
          found.checkpoints.find((c) => c.pod.metadata.uid === pod.metadata.uid),
        ),
      onUpdate: (pod) => this.#upsert(pod),
      onDelete: (pod) => this.#gone(pod),
    });
    const cleaning = this.#informer.synced().then(() => this.#removeOrphans(found, signal));
    await Promise.all([
      watching,
      informing,
      this.#enforceLimits(signal),
      rotateLogs({ engine, clock, log: this.#log, running: () => containers.running() }, signal),
      Promise.race([cleaning, aborted(signal)]),
    ]);
    prober.stop();
  }

  /** Resolves when the pods of the API server are known. */
  synced(): Promise<void> {
    return this.#informer.synced();
  }

  wake(podUid: string): void {
    this.#workers.get(podUid)?.wake();
  }

  objectsChanged(podUids: readonly string[]): void {
    for (const uid of podUids) this.#workers.get(uid)?.objectsChanged();
  }

  worker(podUid: string): PodWorker | undefined {
    return this.#workers.get(podUid);
  }

  /** Pods that take room on the node, without the one named. */
  activeBeside(podUid: string): corev1.Pod[] {
    return [...this.#workers.values()]
      .filter((worker) => worker.uid !== podUid && worker.isActive)
      .map((worker) => worker.pod);
  }

  list(): corev1.Pod[] {
    return [...this.#workers.values()].filter((worker) => !worker.isRemoved).map((worker) => worker.pod);
  }

  find(namespace: string, podName: string, podUid?: string): FoundPod | undefined {
    for (const worker of this.#workers.values()) {
      const { metadata } = worker.pod;
      if (worker.isRemoved || metadata.name !== podName || metadata.namespace !== namespace) continue;
      if (podUid !== undefined && metadata.uid !== podUid) continue;
      return this.#describe(worker);
    }
    return undefined;
  }

  #describe(worker: PodWorker): FoundPod {
    const { pod, sandbox, uid } = worker;
    const observed = this.#services.containers.of(uid).filter(({ status }) => status !== 'created');
    const { containers: regular, ephemeralContainers = [], initContainers = [] } = pod.spec;
    const containers = [...initContainers, ...regular, ...ephemeralContainers].map(
      ({ name }): FoundContainer => {
        const [newest, before] = incarnations(observed, name);
        const waitingReason = worker.waitingReason(name);
        const state =
          newest?.status === 'running' ? 'running' : newest === undefined ? 'waiting' : 'terminated';
        return {
          name,
          state,
          ...(newest && { engineId: newest.id, logPath: newest.logPath }),
          ...(waitingReason !== undefined && { waitingReason }),
          ...(before && { previous: { engineId: before.id, logPath: before.logPath } }),
        };
      },
    );
    return { pod, ...(sandbox && { networkNamespacePath: sandbox.network }), containers };
  }

  #upsert(pod: corev1.Pod, left?: PodCheckpoint): void {
    const worker = this.#workers.get(pod.metadata.uid);
    const { pod: granted, startTimeMs } = left ?? {};
    if (worker !== undefined) worker.update(pod);
    else
      this.#add(pod, {
        isInApi: true,
        ...(startTimeMs !== undefined && { startTimeMs }),
        ...(granted !== undefined && { granted }),
      });
  }

  #add(pod: corev1.Pod, origin: PodOrigin): PodWorker {
    const worker = new PodWorker(this.#services, pod, origin);
    this.#workers.set(worker.uid, worker);
    worker
      .run(this.#signal!)
      .then(() => this.#forgetIfOver(worker))
      .catch((error) => this.#log.error('a pod worker ended', { pod: worker.uid, error }));
    return worker;
  }

  #gone(pod: corev1.Pod): void {
    const worker = this.#workers.get(pod.metadata.uid);
    worker?.gone(pod);
    if (worker !== undefined) this.#forgetIfOver(worker);
  }

  /** A removed pod that the API still shows (finalizers) must not begin anew. */
  #forgetIfOver(worker: PodWorker): void {
    const isInApi = this.#informer.list().some(({ metadata }) => metadata.uid === worker.uid);
    if (worker.isRemoved && !isInApi) this.#workers.delete(worker.uid);
  }

  /** What is here and the API server does not know: stopped and removed, with its network and volumes. */
  async #removeOrphans(
    found: Awaited<ReturnType<typeof readCheckpoints>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { containers, sandboxes } = this.#services;
    const known = new Set(this.#informer.list().map(({ metadata }) => metadata.uid));
    for (const { pod, startTimeMs } of found.checkpoints) {
      const { uid } = pod.metadata;
      if (known.has(uid)) continue;
      known.add(uid);
      const worker = this.#workers.get(uid) ?? this.#add(pod, { startTimeMs, isInApi: false });
      worker.gone();
    }
    const uids = new Set([...found.remains, ...containers.podUids(), ...(await sandboxes.podUids())]);
    for (const uid of uids) {
      if (known.has(uid) || this.#workers.has(uid) || signal.aborted) continue;
      try {
        await removePod(this.#services, uid);
        this.#log.info('removed what was left of a pod', { pod: uid });
      } catch (error) {
        this.#log.warn('cannot remove what was left of a pod', { pod: uid, error });
      }
    }
  }

  /** The engine's changes wake the workers; now and then everything is asked for anew. */
  async #watchEngine(signal: AbortSignal): Promise<void> {
    const { clock, containers, engine } = this.#services;
    const relisting = (async () => {
      while (!signal.aborted) {
        // Rejects only because of the signal, which ends the loop.
        await clock.sleep(relistMs, signal).catch(() => undefined);
        if (!signal.aborted) await this.#relist();
      }
    })();
    while (!signal.aborted) {
      try {
        for await (const state of engine.watch(signal)) {
          const podUid = containers.put(state);
          if (podUid !== undefined) this.wake(podUid);
        }
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof NotFound))
          this.#log.warn("the engine's watch broke off", { why: messageOf(error) });
      }
      await clock.sleep(watchRetryMs, signal).catch(() => undefined);
    }
    await relisting;
  }

  /** Ends pods whose volumes have grown over their limits. */
  async #enforceLimits(signal: AbortSignal): Promise<void> {
    const { clock, events, nodeDirectory } = this.#services;
    while (!signal.aborted) {
      // Rejects only because of the signal, which ends the loop.
      await clock.sleep(limitsEveryMs, signal).catch(() => undefined);
      for (const worker of this.#workers.values()) {
        if (!worker.isActive || signal.aborted) continue;
        const message = await exceededVolumeLimit(
          worker.pod,
          new PodFolder(nodeDirectory, worker.uid).volumes,
        );
        if (message === undefined) continue;
        events.pod(worker.pod, 'Warning', 'Evicted', message);
        worker.fail('Evicted', message);
      }
    }
  }

  async #relist(): Promise<void> {
    try {
      await this.#services.containers.refreshAll();
      for (const worker of this.#workers.values()) worker.wake();
    } catch (error) {
      this.#log.warn('cannot list containers', { error });
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
