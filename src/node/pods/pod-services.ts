import type { Clock, Log } from '../../base/index.ts';
import type { Client } from '../../client/index.ts';
import type { ContainerResources, Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import type { ContainerStarter } from '../containers/container-starter.ts';
import type { ContainerStopper } from '../containers/container-stopper.ts';
import type { PodImages } from '../containers/pod-images.ts';
import type { Prober } from '../probes/prober.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { ReferencedObjects } from '../volumes/referenced-objects.ts';
import type { ServiceAccountTokens } from '../volumes/service-account-tokens.ts';
import type { ContainerCache } from './container-cache.ts';
import type { Rejection } from './pod-admission.ts';
import type { ResizePending } from './pod-allocation.ts';
import type { PodEvents } from './pod-events.ts';
import type { PodSandboxes } from './pod-sandbox.ts';
import type { StatusWriter } from './status-writer.ts';

/** What all pod workers of a node work with. */
export interface PodServices {
  engine: Engine;
  client: Client;
  clock: Clock;
  log: Log;
  events: PodEvents;
  containers: ContainerCache;
  sandboxes: PodSandboxes;
  volumes: PodVolumes;
  objects: ReferencedObjects;
  tokens: ServiceAccountTokens;
  images: PodImages;
  starter: ContainerStarter;
  stopper: ContainerStopper;
  prober: Prober;
  statuses: StatusWriter;
  nodeDirectory: string;
  hostIPs: readonly string[];
  allocatable: Readonly<Record<string, string>>;
  clusterDomain: string;
  clusterDns: readonly string[];
  /** Services of the cluster; waits a moment for the first list. */
  services(): Promise<readonly corev1.Service[]>;
  /** Whether this node takes a new pod. */
  admit(pod: corev1.Pod): Rejection | undefined;
  /** Whether this node grants a pod it runs the resources it asks for now. */
  admitResize(pod: corev1.Pod): ResizePending | undefined;
  /** The cgroup values of a container. */
  resourcesOf(pod: corev1.Pod, container: corev1.Container): ContainerResources;
}
