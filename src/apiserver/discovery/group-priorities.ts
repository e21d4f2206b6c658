/** Where clients look first: a group before others, a version before others of its group. */
export interface GroupVersionPriority {
  group: number;
  version: number;
}

/** k8s.io/kubernetes/cmd/kube-apiserver/app/aggregator.go apiVersionPriorities; kube-aggregator's own group is first. */
const PRIORITIES: Readonly<Record<string, GroupVersionPriority>> = {
  'apiregistration.k8s.io/v1': { group: 20_000, version: 18 },
  '/v1': { group: 18_000, version: 1 },
  'apps/v1': { group: 17_800, version: 15 },
  'events.k8s.io/v1': { group: 17_750, version: 15 },
  'authentication.k8s.io/v1': { group: 17_700, version: 15 },
  'authentication.k8s.io/v1beta1': { group: 17_700, version: 9 },
  'authorization.k8s.io/v1': { group: 17_600, version: 15 },
  'autoscaling/v1': { group: 17_500, version: 15 },
  'autoscaling/v2': { group: 17_500, version: 30 },
  'batch/v1': { group: 17_400, version: 15 },
  'certificates.k8s.io/v1': { group: 17_300, version: 15 },
  'certificates.k8s.io/v1beta1': { group: 17_300, version: 9 },
  'networking.k8s.io/v1': { group: 17_200, version: 15 },
  'networking.k8s.io/v1beta1': { group: 17_200, version: 9 },
  'policy/v1': { group: 17_100, version: 15 },
  'rbac.authorization.k8s.io/v1': { group: 17_000, version: 15 },
  'storage.k8s.io/v1': { group: 16_800, version: 15 },
  'apiextensions.k8s.io/v1': { group: 16_700, version: 15 },
  'admissionregistration.k8s.io/v1': { group: 16_700, version: 15 },
  'admissionregistration.k8s.io/v1beta1': { group: 16_700, version: 12 },
  'scheduling.k8s.io/v1': { group: 16_600, version: 15 },
  'coordination.k8s.io/v1': { group: 16_500, version: 15 },
  'node.k8s.io/v1': { group: 16_300, version: 15 },
  'discovery.k8s.io/v1': { group: 16_200, version: 15 },
  'flowcontrol.apiserver.k8s.io/v1': { group: 16_100, version: 21 },
  'resource.k8s.io/v1': { group: 15_900, version: 21 },
  'resource.k8s.io/v1beta2': { group: 15_900, version: 15 },
  'resource.k8s.io/v1beta1': { group: 15_900, version: 9 },
  'storagemigration.k8s.io/v1beta1': { group: 15_800, version: 9 },
  // As metrics-server's own APIService.
  'metrics.k8s.io/v1beta1': { group: 100, version: 100 },
};

const OTHERS: GroupVersionPriority = { group: 1000, version: 100 };

export function priorityOf(group: string, version: string): GroupVersionPriority {
  return PRIORITIES[`${group}/${version}`] ?? OTHERS;
}
