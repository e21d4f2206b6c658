import type { corev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

/** Changes nothing; k8s.io/kubernetes/plugin/pkg/admission/admit. */
export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit' };

/** k8s.io/kubernetes/plugin/pkg/admission/deny. */
export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  validate: (request) => {
    throw forbidden(request.resource, request.name, 'admission control is denying all modifications');
  },
};

/** Every image of a new pod is pulled with the pod's own rights; k8s.io/kubernetes/plugin/pkg/admission/alwayspullimages. */
export const alwaysPullImages: AdmissionPlugin = {
  name: 'AlwaysPullImages',
  mutate: (request) => {
    for (const container of containersOf(request)) container.imagePullPolicy = 'Always';
  },
  validate: (request) => {
    const others = containersOf(request).filter(({ imagePullPolicy }) => imagePullPolicy !== 'Always');
    if (others.length > 0)
      throw forbidden(request.resource, request.name, 'spec.imagePullPolicy must be Always');
  },
};

function containersOf({ resource, subresource, operation, object }: AdmissionRequest): corev1.Container[] {
  const isPod = resource.group === '' && resource.name === 'pods' && subresource === undefined;
  if (!isPod || object === undefined || operation === 'DELETE') return [];
  const { spec } = object as corev1.Pod;
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
}
