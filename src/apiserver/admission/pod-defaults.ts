import type { corev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { isPodCreate } from './service-account.ts';

const TOLERATION_SECONDS = 300;
const TOLERATED = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

/** Pods outlive five minutes of a lost node. Source: k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  mutate(request: AdmissionRequest): void {
    if (!isPodCreate(request)) return;
    const spec = (request.object as corev1.Pod).spec;
    if (spec === undefined) return;
    for (const key of TOLERATED) {
      const tolerates = (spec.tolerations ?? []).some(
        (toleration) =>
          (toleration.key === key || !toleration.key) &&
          (toleration.effect === 'NoExecute' || !toleration.effect),
      );
      if (tolerates) continue;
      spec.tolerations = [
        ...(spec.tolerations ?? []),
        { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATION_SECONDS },
      ];
    }
  },
};
