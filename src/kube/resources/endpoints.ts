import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { endpointSliceColumns, endpointsColumns } from '../table/network-columns.ts';
import type { corev1, discoveryv1 } from '../types/index.generated.ts';
import {
  validateEndpointSlice,
  validateEndpointSliceUpdate,
  validateEndpoints,
} from '../validation/endpoints.ts';
import { builtin } from './builtin.ts';

function defaultEndpoints(object: KubeObject): void {
  for (const subset of (object as corev1.Endpoints).subsets ?? []) {
    for (const port of subset.ports ?? []) port.protocol ||= 'TCP';
  }
}

export const endpointsResource: Resource = {
  ...builtin({
    kind: 'Endpoints',
    name: 'endpoints',
    listKind: 'EndpointsList',
    shortNames: ['ep'],
    schema: { ref: 'core/v1.Endpoints' },
    columns: endpointsColumns,
  }),
  defaults: defaultEndpoints,
  validateCreate: (object) => validateEndpoints(object as corev1.Endpoints),
  validateUpdate: (object) => validateEndpoints(object as corev1.Endpoints),
};

/** discovery/v1 SetDefaults_EndpointPort. */
function defaultEndpointSlice(object: KubeObject): void {
  for (const port of (object as discoveryv1.EndpointSlice).ports ?? []) {
    port.name ??= '';
    port.protocol ||= 'TCP';
  }
}

export const endpointSlicesResource: Resource = {
  ...builtin({
    group: 'discovery.k8s.io',
    kind: 'EndpointSlice',
    name: 'endpointslices',
    schema: { ref: 'discovery/v1.EndpointSlice' },
    columns: endpointSliceColumns,
  }),
  defaults: defaultEndpointSlice,
  validateCreate: (object) => validateEndpointSlice(object as discoveryv1.EndpointSlice),
  validateUpdate: (object, old) =>
    validateEndpointSliceUpdate(object as discoveryv1.EndpointSlice, old as discoveryv1.EndpointSlice),
};
