import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BadRequest, type Clock, type Log, messageOf } from '../../base/index.ts';
import { workspaceOf } from '../../client/index.ts';
import type { ContainerMount, Engine, Image } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { containerEnvironment, environmentReferences } from '../environment/container-environment.ts';
import type { DownwardFacts } from '../environment/field-value.ts';
import { runLifecycleHook } from '../lifecycle/lifecycle-hook.ts';
import type { ContainerStart } from '../pods/pod-actions.ts';
import { unsupportedInContainer } from '../pods/pod-admission.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import type { PodFolder } from '../pods/pod-folder.ts';
import { containerMounts, type EtcMounts, type PinSubPath } from '../volumes/container-mounts.ts';
import type { MountedVolume } from '../volumes/pod-volumes.ts';
import type { ReferencedObjects } from '../volumes/referenced-objects.ts';
import { bindHandle } from '../volumes/sub-path.ts';
import { verifyRunAsNonRoot } from './container-security.ts';
import { containerSpec } from './container-spec.ts';
import type { PodImages } from './pod-images.ts';
import { StartFailed } from './start-failed.ts';

/** What a pod's containers are started into. */
export interface PodGround {
  pod: corev1.Pod;
  folder: PodFolder;
  network: string;
  podIP: string;
  hostname: string;
  volumes: ReadonlyMap<string, MountedVolume>;
  etc: EtcMounts;
  facts: DownwardFacts;
  /** See serviceEnvironment. */
  services: Readonly<Record<string, string>>;
  /** Ends a postStart hook when the pod has to go. */
  signal: AbortSignal;
}

export interface ContainerStarterOptions {
  engine: Engine;
  images: PodImages;
  objects: ReferencedObjects;
  events: PodEvents;
  clock: Clock;
  log: Log;
  cgroupParent(podUid: string): string;
  nodeMemoryBytes: number;
  seccompDirectory: string;
  userAgent: string;
}

const longestPostStartMs = 24 * 60 * 60 * 1000;

/** Starts one incarnation of a container: image, configuration, create, start, postStart. */
export class ContainerStarter {
  readonly #options: ContainerStarterOptions;

  constructor(options: ContainerStarterOptions) {
    this.#options = options;
  }

  /**
   * @param onStarted told the engine's id when the process runs and postStart is over: until then, as with the
   *   kubelet, a container is not shown as running
   * @throws StartFailed with the waiting reason; its event is already sent
   */
  async start(
    ground: PodGround,
    start: ContainerStart,
    onStarted: (id: string) => Promise<void>,
  ): Promise<void> {
    const { engine, events, images } = this.#options;
    const { pod } = ground;
    const { container } = start;
    const image = await images.ensure(pod, container);
    const fail = (reason: string, error: unknown): StartFailed => {
      const message = messageOf(error);
      events.container(pod, container, 'Warning', 'Failed', `Error: ${message}`);
      return new StartFailed(reason, message, error);
    };
    let configuration: Configuration;
    try {
      configuration = await this.#configure(ground, container, image);
    } catch (error) {
      throw fail('CreateContainerConfigError', error);
    }
    let id: string;
    try {
      id = await this.#create(ground, start, image, configuration);
    } catch (error) {
      throw fail('CreateContainerError', error);
    }
    events.container(pod, container, 'Normal', 'Created', 'Container created');
    try {
      await engine.start(id);
    } catch (error) {
      await onStarted(id);
      throw fail('RunContainerError', error);
    }
    events.container(pod, container, 'Normal', 'Started', 'Container started');
    const hook = container.lifecycle?.postStart;
    if (hook) await this.#postStart(ground, container, id, hook);
    await onStarted(id);
  }

  async #configure(ground: PodGround, container: corev1.Container, image: Image): Promise<Configuration> {
    const { pod, facts, services } = ground;
    const unsupported = unsupportedInContainer(container);
    if (unsupported !== undefined) throw new BadRequest(`${unsupported} is not supported by this node`);
    verifyRunAsNonRoot(pod, container, image.config);
    const where = { workspace: workspaceOf(pod), namespace: pod.metadata.namespace ?? '' };
    const objects = await this.#options.objects.read(where, environmentReferences(container), {
      fresh: true,
    });
    const environment = containerEnvironment(pod, container, { ...objects, services, facts });
    const subPaths = ground.folder.subPaths(container.name);
    const pin: PinSubPath = async (place, index) => {
      const target = join(subPaths, String(index));
      await bindHandle(place, target);
      return target;
    };
    const mounts = await containerMounts(container, ground.volumes, environment, ground.etc, pin);
    return { environment, mounts };
  }

  async #create(
    ground: PodGround,
    { container, restartCount, backOffMs, pidNamespaceOf }: ContainerStart,
    image: Image,
    configuration: Configuration,
  ): Promise<string> {
    const { pod, folder } = ground;
    const { cgroupParent, engine, nodeMemoryBytes, seccompDirectory } = this.#options;
    const logPath = folder.log(container.name, restartCount);
    const terminationMessageFile = folder.terminationMessage(container.name, restartCount);
    await mkdir(dirname(logPath), { recursive: true });
    await mkdir(dirname(terminationMessageFile), { recursive: true });
    // Any user of the container may write its last words, as with the kubelet.
    await rm(terminationMessageFile, { force: true });
    await writeFile(terminationMessageFile, '', { flag: 'wx' });
    // The umask has taken bits of the mode away.
    await chmod(terminationMessageFile, 0o666);
    const spec = containerSpec({
      pod,
      container,
      image,
      restartCount,
      backOffMs,
      ...(pidNamespaceOf !== undefined && { pidNamespaceOf }),
      ...configuration,
      network: ground.network,
      hostname: ground.hostname,
      cgroupParent: cgroupParent(pod.metadata.uid),
      logPath,
      terminationMessageFile,
      nodeMemoryBytes,
      seccompDirectory,
    });
    return await engine.create(spec);
  }

  async #postStart(
    ground: PodGround,
    container: corev1.Container,
    id: string,
    hook: corev1.LifecycleHandler,
  ): Promise<void> {
    const { clock, engine, events, log, userAgent } = this.#options;
    const { pod, podIP, signal } = ground;
    try {
      await runLifecycleHook(hook, {
        engine,
        clock,
        containerId: id,
        container,
        podIP,
        userAgent,
        timeoutMs: longestPostStartMs,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return;
      log.info('postStart hook failed', { pod: pod.metadata.uid, container: container.name, error });
      events.container(pod, container, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
      events.container(pod, container, 'Normal', 'Killing', 'FailedPostStartHook');
      await engine.stop(id, pod.spec.terminationGracePeriodSeconds ?? 30);
      throw new StartFailed('PostStartHookError', 'PostStartHook failed', error);
    }
  }
}

interface Configuration {
  environment: Record<string, string>;
  mounts: ContainerMount[];
}
