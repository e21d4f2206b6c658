import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, writeFileAtomic } from '../../base/index.ts';
import type { NetworkAttachment, Networks } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { absent } from '../volumes/atomic-writer.ts';
import type { PodFolder } from './pod-folder.ts';

/** The network a pod's containers share, as it is kept on disk. */
export interface Sandbox {
  /** Path of the pinned namespace, or 'host'. */
  network: string;
  /** Empty on the host's network. */
  addresses: string[];
  sinceMs: number;
  /** Namespaces do not outlive a boot. */
  bootId: string;
}

export interface PodSandboxesOptions {
  networks: Networks;
  clock: Clock;
  bootId: string;
}

const prefix = 'pod-';

/**
 * Network namespaces of pods: pinned by the engine, so there is no pause process. What was set up is in
 * `sandbox.json` of the pod's folder and survives this process.
 */
export class PodSandboxes {
  readonly #networks: Networks;
  readonly #clock: Clock;
  readonly #bootId: string;

  constructor(options: PodSandboxesOptions) {
    this.#networks = options.networks;
    this.#clock = options.clock;
    this.#bootId = options.bootId;
  }

  /** The one that is there, when it is still usable; undefined means the pod has none. */
  async find(folder: PodFolder, podUid: string): Promise<Sandbox | undefined> {
    const text = await readFile(fileOf(folder), 'utf8').catch(absent);
    if (text === undefined) return undefined;
    const sandbox = JSON.parse(text) as Sandbox;
    if (sandbox.bootId !== this.#bootId) return undefined;
    if (sandbox.network === 'host') return sandbox;
    return (await this.#networks.hasNamespace(prefix + podUid)) ? sandbox : undefined;
  }

  /** Makes a new one; remains of an older one are taken away first. */
  async create(pod: corev1.Pod, folder: PodFolder): Promise<Sandbox> {
    const sandbox = pod.spec.hostNetwork
      ? { network: 'host', addresses: [] }
      : await this.#attach(attachmentOf(pod));
    const whole: Sandbox = { ...sandbox, sinceMs: this.#clock.now(), bootId: this.#bootId };
    await writeFileAtomic(fileOf(folder), JSON.stringify(whole));
    return whole;
  }

  /** Takes the namespace and its address away. No error when there is none. */
  async remove(podUid: string, pod?: corev1.Pod): Promise<void> {
    if (pod?.spec.hostNetwork) return;
    const attachment = pod === undefined ? bareAttachment(podUid) : attachmentOf(pod);
    await this.#networks.detach(attachment);
    await this.#networks.removeNamespace(attachment.namespace);
  }

  /** Uids of pods that have a namespace. */
  async podUids(): Promise<string[]> {
    const names = await this.#networks.listNamespaces();
    return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  async #attach(attachment: NetworkAttachment): Promise<Pick<Sandbox, 'network' | 'addresses'>> {
    const { namespace } = attachment;
    const leftOver = (await this.#networks.listNamespaces()).includes(namespace);
    if (leftOver) {
      await this.#networks.detach(attachment);
      await this.#networks.removeNamespace(namespace);
    }
    const network = await this.#networks.createNamespace(namespace);
    try {
      const { addresses } = await this.#networks.attach(attachment);
      return { network, addresses };
    } catch (error) {
      await this.#networks.detach(attachment);
      await this.#networks.removeNamespace(namespace);
      throw error;
    }
  }
}

function fileOf(folder: PodFolder): string {
  return join(folder.path, 'sandbox.json');
}

function bareAttachment(podUid: string): NetworkAttachment {
  return { containerId: podUid, namespace: prefix + podUid };
}

function attachmentOf(pod: corev1.Pod): NetworkAttachment {
  const portMappings = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
    .flatMap((container) => container.ports ?? [])
    .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIP }) => ({
      hostPort: hostPort!,
      containerPort,
      protocol: (protocol ?? 'TCP').toLowerCase() as 'tcp' | 'udp',
      ...(hostIP && { hostIP }),
    }));
  const attachment = bareAttachment(pod.metadata.uid);
  return portMappings.length === 0 ? attachment : { ...attachment, portMappings };
}
