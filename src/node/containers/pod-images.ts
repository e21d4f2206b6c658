import { BadRequest, type Clock, messageOf } from '../../base/index.ts';
import type { Image, ImageStore } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import { StartFailed } from './start-failed.ts';

interface PullBackOff {
  delayMs: number;
  sinceMs: number;
  error: string;
  /** Told once for each wait. */
  told: boolean;
}

const firstDelayMs = 10_000;
const longestDelayMs = 300_000;

/**
 * Finds the image a container is made from, with the kubelet's events and waiting reasons
 * (pkg/kubelet/images/image_manager.go). There is no registry yet: an image that is not in the store cannot
 * be pulled, and with policy Always one that is there is used.
 */
export class PodImages {
  readonly #images: ImageStore;
  readonly #events: PodEvents;
  readonly #clock: Clock;
  readonly #backOffs = new Map<string, PullBackOff>();

  constructor(options: { images: ImageStore; events: PodEvents; clock: Clock }) {
    this.#images = options.images;
    this.#events = options.events;
    this.#clock = options.clock;
  }

  /** @throws StartFailed ErrImagePull, ImagePullBackOff, ErrImageNeverPull, InvalidImageName, ImageInspectError */
  async ensure(pod: corev1.Pod, container: corev1.Container): Promise<Image> {
    const reference = container.image ?? '';
    const image = await this.#resolve(pod, container, reference);
    const key = `${pod.metadata.uid}_${reference}`;
    if (image !== undefined) {
      this.#backOffs.delete(key);
      const message = `Container image "${reference}" already present on machine and can be accessed by the pod`;
      this.#events.container(pod, container, 'Normal', 'Pulled', message);
      return image;
    }
    if (container.imagePullPolicy === 'Never') {
      const message = `Container image "${reference}" is not present with pull policy of Never`;
      this.#events.container(pod, container, 'Warning', 'ErrImageNeverPull', message);
      throw this.#failed(pod, container, 'ErrImageNeverPull', message);
    }
    throw this.#pull(pod, container, key);
  }

  /** When the next try to pull for this pod is due; undefined when none waits. */
  nextPullAtMs(podUid: string): number | undefined {
    const times = [...this.#backOffs]
      .filter(([key]) => key.startsWith(`${podUid}_`))
      .map(([, { sinceMs, delayMs }]) => sinceMs + delayMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  forget(podUid: string): void {
    for (const key of this.#backOffs.keys()) if (key.startsWith(`${podUid}_`)) this.#backOffs.delete(key);
  }

  async #resolve(
    pod: corev1.Pod,
    container: corev1.Container,
    reference: string,
  ): Promise<Image | undefined> {
    try {
      const image = await this.#images.resolve(reference);
      return image !== undefined && isOnlyPartOfId(reference, image) ? undefined : image;
    } catch (error) {
      if (error instanceof BadRequest) {
        const message = `Failed to apply default image tag "${reference}": ${messageOf(error)}`;
        this.#events.container(pod, container, 'Warning', 'InspectFailed', message);
        throw this.#failed(pod, container, 'InvalidImageName', message);
      }
      const message = `Failed to inspect image "${reference}": ${messageOf(error)}`;
      this.#events.container(pod, container, 'Warning', 'InspectFailed', message);
      throw this.#failed(pod, container, 'ImageInspectError', message);
    }
  }

  #pull(pod: corev1.Pod, container: corev1.Container, key: string): StartFailed {
    const reference = container.image ?? '';
    const nowMs = this.#clock.now();
    const backOff = this.#backOffs.get(key);
    if (backOff !== undefined && nowMs < backOff.sinceMs + backOff.delayMs) {
      const message = `Back-off pulling image "${reference}"`;
      const failure = new StartFailed('ImagePullBackOff', `${message}: ErrImagePull: ${backOff.error}`);
      if (backOff.told) return failure;
      backOff.told = true;
      this.#events.container(pod, container, 'Normal', 'BackOff', message);
      this.#events.container(pod, container, 'Warning', 'Failed', 'Error: ImagePullBackOff');
      return failure;
    }
    this.#events.container(pod, container, 'Normal', 'Pulling', `Pulling image "${reference}"`);
    const error = `image "${reference}" is not in the image store, and this version cannot pull from a registry: bring it with 'orrery image load' or 'orrery image pack'`;
    this.#events.container(
      pod,
      container,
      'Warning',
      'Failed',
      `Failed to pull image "${reference}": ${error}`,
    );
    const delayMs = backOff === undefined ? firstDelayMs : Math.min(backOff.delayMs * 2, longestDelayMs);
    this.#backOffs.set(key, { delayMs, sinceMs: nowMs, error, told: false });
    return this.#failed(pod, container, 'ErrImagePull', error);
  }

  #failed(pod: corev1.Pod, container: corev1.Container, reason: string, message: string): StartFailed {
    this.#events.container(pod, container, 'Warning', 'Failed', `Error: ${reason}`);
    return new StartFailed(reason, message);
  }
}

/** A short word that happens to begin an image's id: a Pod that says it means a name. */
function isOnlyPartOfId(reference: string, image: Image): boolean {
  return (
    /^[a-f0-9]{1,11}$/.test(reference) &&
    !image.references.some((name) => name.endsWith(`/${reference}:latest`))
  );
}
