import type { FieldError } from '../../base/index.ts';
import type { KubeObject } from '../object.ts';
import type { Resource, ScaleMapping } from '../resource.ts';
import { labelSelectorAsSelector } from '../selectors/label-selector.ts';
import type { autoscalingv1, metav1 } from '../types/index.generated.ts';
import { invalid } from '../validation/field-errors.ts';

interface Scalable extends KubeObject {
  spec: { replicas?: number; selector?: metav1.LabelSelector };
  status?: { replicas?: number };
}

/** The autoscaling/v1 Scale that GET `…/scale` of a Deployment or ReplicaSet answers with. */
export function scaleOf(resource: Resource, object: KubeObject): autoscalingv1.Scale {
  const { metadata } = object;
  const { replicas, statusReplicas, selector = '' } = resource.scale?.read(object) ?? readScalable(object);
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
    spec: { replicas: replicas ?? 0 },
    status: { replicas: statusReplicas, ...(selector !== '' && { selector }) },
  };
}

function readScalable(object: KubeObject): ReturnType<ScaleMapping['read']> {
  const { spec, status } = object as Scalable;
  return {
    replicas: spec.replicas,
    statusReplicas: status?.replicas ?? 0,
    selector: labelSelectorAsSelector(spec.selector).toString(),
  };
}

/** The object with the replicas a client wrote to its scale; the rest of the Scale is not looked at. */
export function applyScale<T extends KubeObject>(
  resource: Resource,
  object: T,
  scale: autoscalingv1.Scale,
): T {
  const replicas = scale.spec?.replicas ?? 0;
  if (resource.scale !== undefined) {
    resource.scale.write(object, replicas);
    return object;
  }
  const { spec } = object as unknown as Scalable;
  return { ...object, spec: { ...spec, replicas } };
}

/** k8s.io/kubernetes/pkg/apis/autoscaling/validation.ValidateScale. */
export function validateScale(scale: autoscalingv1.Scale): FieldError[] {
  const replicas = scale.spec?.replicas ?? 0;
  return replicas < 0 ? [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')] : [];
}
