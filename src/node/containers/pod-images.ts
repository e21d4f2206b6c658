import { BadRequest, type Clock, messageOf, NotFound } from '../../base/index.ts';
import type { Image, ImageLibrary, RegistryAccess } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { PodEvents } from '../pods/pod-events.ts';
import { credentialsFor, type RegistryCredentials } from './pull-secrets.ts';
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

export type PullLibrary = Pick<ImageLibrary, 'resolve' | 'pull'>;

export interface PodImagesOptions {
  images: PullLibrary;
  events: PodEvents;
  clock: Clock;
  registries?: RegistryAccess;
  /** The Secrets that the pod's imagePullSecrets name, as far as they exist. */
  pullSecrets: (pod: corev1.Pod) => Promise<Iterable<corev1.Secret>>;
}

/**
 * Brings the image a container is made from, with the kubelet's policies, events, waiting reasons and back-off
 * (pkg/kubelet/images/image_manager.go). Unlike there, an image that was loaded, packed or built here and never
 * came from a registry is used as it is with policy Always too: no registry has it.
 */
export class PodImages {
  readonly #options: PodImagesOptions;
  readonly #backOffs = new Map<string, PullBackOff>();
  /** Pods that want the same image with the same credentials at once wait for one pull. */
  readonly #pulls = new Map<string, Promise<Image>>();

  constructor(options: PodImagesOptions) {
    this.#options = options;
  }

  /** @throws StartFailed ErrImagePull, ImagePullBackOff, ErrImageNeverPull, InvalidImageName, ImageInspectError */
  async ensure(pod: corev1.Pod, container: corev1.Container): Promise<Image> {
    const reference = container.image ?? '';
    const image = await this.#resolve(pod, container, reference);
    const key = `${pod.metadata.uid}_${reference}`;
    const mustPull = container.imagePullPolicy === 'Always' && image?.fromRegistry === true;
    if (image !== undefined && !mustPull) {
      this.#backOffs.delete(key);
      const message = `Container image "${reference}" already present on machine and can be accessed by the pod`;
      this.#options.events.container(pod, container, 'Normal', 'Pulled', message);
      return image;
    }
    if (container.imagePullPolicy === 'Never') {
      const message = `Container image "${reference}" is not present with pull policy of Never`;
      this.#options.events.container(pod, container, 'Warning', 'ErrImageNeverPull', message);
      throw this.#failed(pod, container, 'ErrImageNeverPull', message);
    }
    return await this.#pull(pod, container, key);
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
      const image = await this.#options.images.resolve(reference);
      return image !== undefined && isOnlyPartOfId(reference, image) ? undefined : image;
    } catch (error) {
      if (error instanceof BadRequest) {
        const message = `Failed to apply default image tag "${reference}": ${messageOf(error)}`;
        this.#options.events.container(pod, container, 'Warning', 'InspectFailed', message);
        throw this.#failed(pod, container, 'InvalidImageName', message);
      }
      const message = `Failed to inspect image "${reference}": ${messageOf(error)}`;
      this.#options.events.container(pod, container, 'Warning', 'InspectFailed', message);
      throw this.#failed(pod, container, 'ImageInspectError', message);
    }
  }

  async #pull(pod: corev1.Pod, container: corev1.Container, key: string): Promise<Image> {
    const { clock, events } = this.#options;
    const reference = container.image ?? '';
    const startedMs = clock.now();
    const backOff = this.#backOffs.get(key);
    if (backOff !== undefined && startedMs < backOff.sinceMs + backOff.delayMs)
      throw this.#stillWaiting(pod, container, backOff);
    events.container(pod, container, 'Normal', 'Pulling', `Pulling image "${reference}"`);
    try {
      const image = await this.#fetch(pod, reference);
      const took = `${((clock.now() - startedMs) / 1000).toFixed(3).replace(/\.?0+$/, '')}s`;
      const message = `Successfully pulled image "${reference}" in ${took} (${took} including waiting). Image size: ${image.sizeBytes} bytes.`;
      events.container(pod, container, 'Normal', 'Pulled', message);
      this.#backOffs.delete(key);
      return image;
    } catch (cause) {
      const error = messageOf(cause);
      const message = `Failed to pull image "${reference}": ${error}`;
      events.container(pod, container, 'Warning', 'Failed', message);
      const delayMs = backOff === undefined ? firstDelayMs : Math.min(backOff.delayMs * 2, longestDelayMs);
      this.#backOffs.set(key, { delayMs, sinceMs: clock.now(), error, told: false });
      throw this.#failed(pod, container, 'ErrImagePull', error);
    }
  }

  #stillWaiting(pod: corev1.Pod, container: corev1.Container, backOff: PullBackOff): StartFailed {
    const message = `Back-off pulling image "${container.image}"`;
    const failure = new StartFailed('ImagePullBackOff', `${message}: ErrImagePull: ${backOff.error}`);
    if (backOff.told) return failure;
    backOff.told = true;
    this.#options.events.container(pod, container, 'Normal', 'BackOff', message);
    this.#options.events.container(pod, container, 'Warning', 'Failed', 'Error: ImagePullBackOff');
    return failure;
  }

  async #fetch(pod: corev1.Pod, reference: string): Promise<Image> {
    const candidates = credentialsFor(reference, await this.#options.pullSecrets(pod));
    const key = JSON.stringify([reference, candidates]);
    let pull = this.#pulls.get(key);
    if (pull === undefined) {
      pull = this.#pullWithAny(reference, candidates).finally(() => this.#pulls.delete(key));
      this.#pulls.set(key, pull);
    }
    return await pull;
  }

  /** With each of the credentials that fit; without any when there are none. */
  async #pullWithAny(reference: string, candidates: readonly RegistryCredentials[]): Promise<Image> {
    const { images, registries } = this.#options;
    let failure: unknown;
    for (const credentials of candidates.length === 0 ? [undefined] : candidates) {
      try {
        const { id } = await images.pull(reference, {
          ...registries,
          defaultDomain: 'docker.io',
          ...(credentials && { credentials }),
        });
        const image = await images.resolve(id);
        if (image === undefined) throw new NotFound(`the image ${reference} was removed while it was pulled`);
        return image;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  #failed(pod: corev1.Pod, container: corev1.Container, reason: string, message: string): StartFailed {
    this.#options.events.container(pod, container, 'Warning', 'Failed', `Error: ${reason}`);
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
