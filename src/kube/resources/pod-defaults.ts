import type { corev1 } from '../types/index.generated.ts';
import { podQosClass } from '../workloads/pod-qos.ts';
import { podRequests } from '../workloads/pod-resources.ts';
import { defaultPodSpec, syncServiceAccount } from './pod-spec-defaults.ts';

type Pod = corev1.Pod;

/** Defaults that a pod gets and a template does not (core/v1 SetDefaults_Pod). */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { initContainers: [], containers: [] };
  defaultPodSpec(pod.spec);
  const containers = [...(pod.spec.containers ?? []), ...(pod.spec.initContainers ?? [])];
  for (const { resources } of containers) {
    if (resources?.limits !== undefined) resources.requests = { ...resources.limits, ...resources.requests };
  }
  defaultPodLevelRequests(pod);
  pod.spec.enableServiceLinks ??= true;
  if (pod.spec.hostNetwork === true) {
    for (const port of containers.flatMap((container) => container.ports ?? [])) {
      port.hostPort ||= port.containerPort;
    }
  }
}

/** Limits of the whole pod without requests: what the containers ask for, else the limits. */
function defaultPodLevelRequests({ spec, metadata }: Pod): void {
  const limits = spec.resources?.limits;
  if (spec.resources === undefined || limits === undefined || Object.keys(limits).length === 0) return;
  const { resources: _podLevel, overhead: _overhead, ...containersOnly } = spec;
  const asked = podRequests({ metadata, spec: containersOnly });
  const requests = { ...limits };
  for (const name of ['cpu', 'memory']) {
    const sum = asked[name];
    if (sum !== undefined) requests[name] = sum.toString();
  }
  spec.resources.requests = { ...requests, ...spec.resources.requests };
}

/**
 * What the API server's pod strategy and the admission plug-ins that are always on set on a new pod:
 * status, QoS class, and tolerations for a node that is gone for a while.
 */
export function preparePodForCreate(pod: Pod): void {
  syncServiceAccount(pod.spec);
  addTolerationOf(pod, 'node.kubernetes.io/not-ready');
  addTolerationOf(pod, 'node.kubernetes.io/unreachable');
  const gated = (pod.spec.schedulingGates ?? []).length > 0;
  const status: Partial<corev1.PodStatus> = {
    phase: 'Pending',
    ...(gated && {
      conditions: [
        {
          type: 'PodScheduled',
          status: 'False',
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        },
      ],
    }),
    qosClass: podQosClass(pod),
  };
  pod.status = status as corev1.PodStatus;
}

const GONE_NODE_SECONDS = 300;

/** The DefaultTolerationSeconds plug-in. */
function addTolerationOf(pod: Pod, key: string): void {
  const tolerations = (pod.spec.tolerations ?? []).slice();
  const tolerated = tolerations.some(
    (toleration) =>
      (toleration.key === key || !toleration.key) &&
      (toleration.effect === 'NoExecute' || !toleration.effect),
  );
  if (tolerated) return;
  tolerations.push({
    key,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: GONE_NODE_SECONDS,
  });
  pod.spec.tolerations = tolerations;
}

/**
 * The grace a DELETE gets (core pod strategy CheckGracefulDelete): what was asked for, else the spec's;
 * none for a pod that no node has or that has ended.
 */
export function podDeletionGraceSeconds(pod: Pod, requested: number | undefined): number {
  const seconds = requested ?? pod.spec.terminationGracePeriodSeconds ?? 0;
  if (!pod.spec.nodeName) return 0;
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return 0;
  return seconds < 0 ? 1 : seconds;
}
