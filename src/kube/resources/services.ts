import type { Resource } from '../resource.ts';
import { serviceColumns } from '../table/network-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import { dns1035Label } from '../validation/formats.ts';
import {
  validateService,
  validateServiceStatusUpdate,
  validateServiceUpdate,
} from '../validation/services.ts';
import {
  builtin,
  dropStatus,
  keepStatus,
  proxySubresource,
  selectable,
  statusSubresource,
} from './builtin.ts';
import { keepAllocations, syncClusterIps } from './service-allocations.ts';
import { defaultService } from './service-defaults.ts';

export const servicesResource: Resource = {
  ...builtin({
    kind: 'Service',
    name: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    schema: { ref: 'core/v1.Service' },
    subresources: [proxySubresource('ServiceProxyOptions'), statusSubresource],
    validateName: dns1035Label,
    columns: serviceColumns,
  }),
  defaults: (service) => defaultService(service as corev1.Service),
  prepareForCreate: (service) => {
    dropStatus(() => ({ loadBalancer: {} }))(service);
    syncClusterIps(service as corev1.Service, undefined);
  },
  prepareForUpdate: (service, old) => {
    keepStatus(service, old);
    syncClusterIps(service as corev1.Service, old as corev1.Service);
    keepAllocations(service as corev1.Service, old as corev1.Service);
  },
  validateCreate: (service) => validateService(service as corev1.Service),
  validateUpdate: (service, old) => validateServiceUpdate(service as corev1.Service, old as corev1.Service),
  validateStatusUpdate: (service) => validateServiceStatusUpdate(service as corev1.Service),
  selectableFields: selectable<corev1.Service>({
    'spec.clusterIP': ({ spec }) => spec.clusterIP,
    'spec.type': ({ spec }) => spec.type,
  }),
};
