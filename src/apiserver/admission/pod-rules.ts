import type { corev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { isPodCreate } from './service-account.ts';

/** k8s.io/kubernetes/plugin/pkg/admission/antiaffinity. */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  validate: (request) => {
    if (!isPodWrite(request)) return;
    const { affinity } = (request.object as corev1.Pod).spec ?? {};
    const terms = affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const wrong = terms.find(({ topologyKey }) => topologyKey !== 'kubernetes.io/hostname');
    if (wrong !== undefined)
      throw forbidden(
        request.resource,
        request.name || request.object!.metadata.name,
        `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wrong.topologyKey} but only key kubernetes.io/hostname is allowed`,
      );
  },
};

/** k8s.io/kubernetes/plugin/pkg/admission/extendedresourcetoleration. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  mutate: (request) => {
    if (!isPodWrite(request)) return;
    const { spec } = request.object as corev1.Pod;
    if (spec === undefined) return;
    const containers = [...(spec.initContainers ?? []), ...spec.containers];
    const names = new Set(containers.flatMap(({ resources }) => Object.keys(resources?.requests ?? {})));
    const tolerations = spec.tolerations ?? [];
    for (const key of [...names].filter(isExtended).sort())
      if (!tolerations.some((one) => one.key === key && one.operator === 'Exists' && !one.effect))
        tolerations.push({ key, operator: 'Exists' });
    if (tolerations.length > 0) spec.tolerations = tolerations;
  },
};

function isPodWrite(request: AdmissionRequest): boolean {
  const { resource, subresource, operation } = request;
  const isUpdate = resource.group === '' && resource.name === 'pods' && subresource === undefined;
  return isPodCreate(request) || (isUpdate && operation === 'UPDATE');
}

/** A name of somebody's own domain; k8s.io/kubernetes/pkg/apis/core/helper IsExtendedResourceName. */
function isExtended(name: string): boolean {
  const [domain = ''] = name.split('/');
  return name.includes('/') && !name.startsWith('requests.') && !/(^|\.)kubernetes\.io$/.test(domain);
}
