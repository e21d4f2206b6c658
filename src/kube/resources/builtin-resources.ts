import { customResourceDefinitionsResource } from '../extensions/crd-resource.ts';
import type { Resource } from '../resource.ts';
import { admissionRegistrationResources } from './admission-registration.ts';
import { apiRegistrationResources } from './api-registration.ts';
import { certificatesResources } from './certificates.ts';
import { leasesResource, namespacesResource, nodesResource } from './cluster.ts';
import { configMapsResource, secretsResource, serviceAccountsResource } from './data.ts';
import { deviceResources } from './devices.ts';
import { endpointSlicesResource, endpointsResource } from './endpoints.ts';
import { eventsGroupEventsResource, eventsResource } from './events.ts';
import { flowcontrolResources } from './flowcontrol.ts';
import { networkingResources } from './networking.ts';
import { podsResource } from './pods.ts';
import {
  clusterRoleBindingsResource,
  clusterRolesResource,
  roleBindingsResource,
  rolesResource,
} from './rbac/rbac-resources.ts';
import { schedulingResources } from './scheduling.ts';
import { servicesResource } from './services.ts';
import { storageResources } from './storage.ts';
import { deploymentsResource, replicaSetsResource } from './workloads.ts';

/** Every resource of the API that is not made by a CustomResourceDefinition. */
export const builtinResources: readonly Resource[] = [
  configMapsResource,
  endpointsResource,
  eventsResource,
  namespacesResource,
  nodesResource,
  podsResource,
  secretsResource,
  serviceAccountsResource,
  servicesResource,
  deploymentsResource,
  replicaSetsResource,
  leasesResource,
  endpointSlicesResource,
  eventsGroupEventsResource,
  clusterRoleBindingsResource,
  clusterRolesResource,
  roleBindingsResource,
  rolesResource,
  customResourceDefinitionsResource,
  ...networkingResources,
  ...storageResources,
  ...schedulingResources,
  ...certificatesResources,
  ...flowcontrolResources,
  ...deviceResources,
  ...admissionRegistrationResources,
  ...apiRegistrationResources,
];
