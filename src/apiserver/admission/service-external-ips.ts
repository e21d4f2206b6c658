import type { corev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin } from './admission.ts';

/** No Service takes an external address it did not have; k8s.io/kubernetes/plugin/pkg/admission/network/denyserviceexternalips. */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  validate: ({ resource, subresource, operation, object, oldObject, name }) => {
    if (resource.group !== '' || resource.name !== 'services' || subresource !== undefined) return;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const before = (oldObject as Readonly<corev1.Service> | undefined)?.spec?.externalIPs ?? [];
    const now = (object as corev1.Service).spec?.externalIPs ?? [];
    if (now.some((one) => !before.includes(one)))
      throw forbidden(
        resource,
        name || object!.metadata.name,
        'Use of external IPs is denied by admission control',
      );
  },
};
