import type { corev1 } from '../kube/index.ts';

/** What the node's server and service rules may ask about the pods this node runs. Answers from memory. */
export interface PodLookup {
  /**
   * The pod this node runs under that name; with `podUid`, only that very pod. A container stands under
   * its name once, with its newest incarnation.
   */
  find(namespace: string, podName: string, podUid?: string): FoundPod | undefined;
  /** Every pod this node runs, with the status this node last worked out. */
  list(): corev1.Pod[];
}

export interface FoundPod {
  pod: corev1.Pod;
  /** Path of the pinned network namespace, 'host' for a pod on the host's network; undefined before there is one. */
  networkNamespacePath?: string;
  /** Containers of the spec, init containers first, also those that have not been made yet. */
  containers: FoundContainer[];
}

export interface FoundContainer {
  name: string;
  /** The engine's id of the newest incarnation; undefined before the first. */
  engineId?: string;
  state: 'waiting' | 'running' | 'terminated';
  /** Why it waits (`ContainerCreating`, `ImagePullBackOff`, …), when it does. */
  waitingReason?: string;
  /** Log of the newest incarnation, CRI format; rotated older parts stand beside it as `<logPath>.<timestamp>`. */
  logPath?: string;
  /** Log of the incarnation before the newest, while it is kept. */
  previous?: { engineId: string; logPath: string };
}
