import type { FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { autoscalingv1, metav1 } from '../types/index.generated.ts';
import { invalid } from '../validation/field-errors.ts';

interface Scalable extends KubeObject {
  spec: { replicas?: number; selector?: metav1.LabelSelector };
  status?: { replicas?: number };
}

/** The autoscaling/v1 Scale that GET `…/scale` of a Deployment or ReplicaSet answers with. */
export function scaleOf(_resource: Resource, object: KubeObject): autoscalingv1.Scale {
  const { metadata, spec, status } = object as Scalable;
  const selector = labelSelectorAsSelector(spec.selector).toString();
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: {
      name: metadata.name,
      ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      creationTimestamp: metadata.creationTimestamp,
    },
    // A replica count of zero is left out upstream; kept here, so that a merge patch has something to change.
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, ...(selector !== '' && { selector }) },
  };
}

/** The object with the replicas a client wrote to its scale; the rest of the Scale is not looked at. */
export function applyScale<T extends KubeObject>(
  _resource: Resource,
  object: T,
  scale: autoscalingv1.Scale,
): T {
  const { spec } = object as unknown as Scalable;
  return { ...object, spec: { ...spec, replicas: scale.spec?.replicas ?? 0 } };
}

/** k8s.io/kubernetes/pkg/apis/autoscaling/validation.ValidateScale. */
export function validateScale(scale: autoscalingv1.Scale): FieldError[] {
  const replicas = scale.spec?.replicas ?? 0;
  return replicas < 0 ? [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')] : [];
}
