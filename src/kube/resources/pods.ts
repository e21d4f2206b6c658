import type { Resource } from '../resource.ts';
import { podColumns, podRowConditions } from '../table/pod-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validatePodCreate, validatePodStatusUpdate, validatePodUpdate } from '../validation/pods.ts';
import { builtin, keepStatus, proxySubresource, selectable, statusSubresource } from './builtin.ts';
import { defaultPod, podDeletionGraceSeconds, preparePodForCreate } from './pod-defaults.ts';
import { podSpecParts } from './pod-parts.ts';

export const podsResource: Resource = {
  ...builtin({
    kind: 'Pod',
    name: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    schema: { ref: 'core/v1.Pod' },
    hasGeneration: true,
    subresources: [
      statusSubresource,
      { name: 'ephemeralcontainers', verbs: ['get', 'patch', 'update'] },
      { name: 'resize', verbs: ['get', 'patch', 'update'] },
      { name: 'log', verbs: ['get'] },
      {
        name: 'exec',
        verbs: ['create', 'get'],
        kind: { group: '', version: 'v1', kind: 'PodExecOptions' },
      },
      {
        name: 'attach',
        verbs: ['create', 'get'],
        kind: { group: '', version: 'v1', kind: 'PodAttachOptions' },
      },
      {
        name: 'portforward',
        verbs: ['create', 'get'],
        kind: { group: '', version: 'v1', kind: 'PodPortForwardOptions' },
      },
      proxySubresource('PodProxyOptions'),
      { name: 'binding', verbs: ['create'], kind: { group: '', version: 'v1', kind: 'Binding' } },
      { name: 'eviction', verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
    ],
    columns: podColumns,
  }),
  defaults: (pod) => defaultPod(pod as corev1.Pod),
  prepareForCreate: (pod) => preparePodForCreate(pod as corev1.Pod),
  prepareForUpdate: keepStatus,
  validateCreate: (pod) => validatePodCreate(pod as corev1.Pod),
  validateUpdate: (pod, old) => validatePodUpdate(pod as corev1.Pod, old as corev1.Pod),
  validateStatusUpdate: (pod, old) => validatePodStatusUpdate(pod as corev1.Pod, old as corev1.Pod),
  specParts: podSpecParts,
  deletionGraceSeconds: (pod, requested) => podDeletionGraceSeconds(pod as corev1.Pod, requested),
  selectableFields: selectable<corev1.Pod>({
    'spec.nodeName': ({ spec }) => spec.nodeName,
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy,
    'spec.schedulerName': ({ spec }) => spec.schedulerName,
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName,
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase,
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP,
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName,
  }),
  rowConditions: (pod) => podRowConditions(pod as corev1.Pod),
};
