import type { corev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
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

/** The two classes every cluster has; PriorityClass objects are not served yet. */
const PRIORITY_CLASSES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

/** Turns priorityClassName into a number. Source: k8s.io/kubernetes/plugin/pkg/admission/priority. */
export const podPriority: AdmissionPlugin = {
  name: 'Priority',
  mutate(request: AdmissionRequest): void {
    if (!isPodCreate(request)) return;
    const spec = (request.object as corev1.Pod).spec;
    if (spec === undefined) return;
    const className = spec.priorityClassName ?? '';
    const priority = className === '' ? 0 : PRIORITY_CLASSES[className];
    if (priority === undefined)
      throw forbidden(request.resource, request.name, `no PriorityClass with name ${className} was found`);
    if (spec.priority !== undefined && spec.priority !== priority)
      throw forbidden(
        request.resource,
        request.name,
        `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
      );
    spec.priority = priority;
    spec.preemptionPolicy ??= 'PreemptLowerPriority';
  },
};
