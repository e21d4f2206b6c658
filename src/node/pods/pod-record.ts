import type { Log } from '../../base/index.ts';
import { workspaceOf } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { environmentReferences } from '../environment/container-environment.ts';
import { podVolumeReferences } from '../volumes/pod-volumes.ts';
import type { References } from '../volumes/referenced-objects.ts';
import {
  type Allocation,
  allocationOf,
  asksForMore,
  type ResizePending,
  withAllocation,
} from './pod-allocation.ts';
import { PodFolder } from './pod-folder.ts';
import { podAddresses } from './pod-ground.ts';
import { knownProbeResults } from './pod-known.ts';
import type { Sandbox } from './pod-sandbox.ts';
import type { PodServices } from './pod-services.ts';
import type { WaitingReason } from './pod-status.ts';

/** What a worker knows of its pod beside what the engine and the prober know. */
export class PodRecord {
  readonly uid: string;
  readonly services: PodServices;
  readonly folder: PodFolder;
  readonly log: Log;
  readonly startTimeMs: number;
  /** By container name: why it does not run. */
  readonly waiting = new Map<string, WaitingReason>();
  /** Last words, by engine id. */
  readonly terminationMessages = new Map<string, string>();
  /** As this node runs it: as the API has it, but with the resources that were granted. */
  pod: corev1.Pod;
  /** Why it does not have the resources the API asks for. */
  resizePending: ResizePending | undefined;
  /** Why a container does not have yet what was granted. */
  resizeError: string | undefined;
  #asked: corev1.Pod;
  #allocation: Allocation;
  /** As last worked out here. */
  status: corev1.PodStatus | undefined;
  sandbox: Sandbox | undefined;
  /** Why the node refused or ended the pod. */
  failure: { reason: string; message: string } | undefined;

  /** @param granted the pod as this node ran it before */
  constructor(
    services: PodServices,
    pod: corev1.Pod,
    { startTimeMs, granted }: { startTimeMs?: number; granted?: corev1.Pod } = {},
  ) {
    this.services = services;
    this.uid = pod.metadata.uid;
    this.#asked = pod;
    this.#allocation = allocationOf(granted ?? pod);
    this.pod = withAllocation(pod, this.#allocation);
    this.folder = new PodFolder(services.nodeDirectory, this.uid);
    this.log = services.log.with({ pod: `${pod.metadata.namespace}/${pod.metadata.name}`, uid: this.uid });
    const { startTime } = pod.status ?? {};
    this.startTimeMs = startTimeMs ?? (startTime ? Date.parse(startTime) : services.clock.now());
  }

  get podIP(): string {
    return podAddresses(this.services, this.sandbox)[0] ?? '127.0.0.1';
  }

  /** As the API has it. */
  get asked(): corev1.Pod {
    return this.#asked;
  }

  /** Takes the pod as the API has it now, with other resources if the node has room. @returns whether it granted any */
  accept(pod: corev1.Pod = this.#asked): boolean {
    this.#asked = pod;
    const asks = asksForMore(pod, this.#allocation);
    this.resizePending = asks ? this.services.admitResize(pod) : undefined;
    const grants = asks && this.resizePending === undefined;
    if (grants) this.#allocation = allocationOf(pod);
    this.pod = withAllocation(pod, this.#allocation);
    return grants;
  }

  /** Containers of the spec, init containers first, ephemeral ones last. */
  get containers(): corev1.Container[] {
    const { containers, ephemeralContainers, initContainers } = this.pod.spec;
    return [...(initContainers ?? []), ...containers, ...((ephemeralContainers ?? []) as corev1.Container[])];
  }

  container(name: string): corev1.Container | undefined {
    return this.containers.find((container) => container.name === name);
  }

  /** How long its containers have to end. */
  get graceSeconds(): number {
    const { metadata, spec } = this.pod;
    return metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30;
  }

  get deadlineMs(): number | undefined {
    const { activeDeadlineSeconds } = this.pod.spec;
    return activeDeadlineSeconds === undefined ? undefined : this.startTimeMs + activeDeadlineSeconds * 1000;
  }

  /** Has the ConfigMaps and Secrets of its volumes and environments watched. */
  useObjects(): void {
    const references: References = podVolumeReferences(this.pod);
    const configMaps = new Set(references.configMaps);
    const secrets = new Set(references.secrets);
    for (const own of this.containers.map(environmentReferences)) {
      for (const name of own.configMaps) configMaps.add(name);
      for (const name of own.secrets) secrets.add(name);
    }
    const namespace = this.pod.metadata.namespace ?? '';
    const who = { uid: this.uid, workspace: workspaceOf(this.pod), namespace };
    this.services.objects.use(who, { configMaps, secrets });
  }

  /** Probes exactly what runs now. */
  syncProbes(): void {
    if (this.sandbox === undefined) return;
    const running = this.services.containers
      .of(this.uid)
      .filter(({ status }) => status === 'running')
      .flatMap(({ id, name, startedAtMs, createdAtMs }) => {
        const container = this.container(name);
        const known = knownProbeResults(this.pod.status, id);
        return container === undefined
          ? []
          : [{ container, id, startedAtMs: startedAtMs ?? createdAtMs, known }];
      });
    this.services.prober.sync(this.pod, this.podIP, running);
  }
}
