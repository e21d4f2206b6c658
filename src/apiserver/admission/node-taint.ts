import type { corev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const NOT_READY = 'node.kubernetes.io/not-ready';

/**
 * A new node takes no pods until the node lifecycle controller has seen that it is ready.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/nodetaint.
 */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate({ operation, resource, subresource, object }: AdmissionRequest): void {
    if (operation !== 'CREATE' || subresource !== undefined) return;
    if (resource.group !== '' || resource.name !== 'nodes') return;
    const node = object as corev1.Node;
    const taints = node.spec?.taints ?? [];
    if (taints.some(({ key, effect }) => key === NOT_READY && effect === 'NoSchedule')) return;
    node.spec = {
      ...node.spec,
      taints: [...taints, { key: NOT_READY, effect: 'NoSchedule' } as corev1.Taint],
    };
  },
};
