import { customResourceDefinitionsResource } from '../extensions/crd-resource.ts';
import type { Resource } from '../resource.ts';
import { admissionRegistrationResources } from './admission-registration.ts';
import { apiRegistrationResources } from './api-registration.ts';
import { autoscalersResource, autoscalersV1Resource } from './autoscalers.ts';
import { certificatesResources } from './certificates.ts';
import { componentStatusesResource, leasesResource, namespacesResource, nodesResource } from './cluster.ts';
import { daemonSetsResource } from './daemon-sets.ts';
import { configMapsResource, secretsResource, serviceAccountsResource } from './data.ts';
import { deviceResources } from './devices.ts';
import { disruptionBudgetsResource } from './disruption-budgets.ts';
import { endpointSlicesResource, endpointsResource } from './endpoints.ts';
import { eventsGroupEventsResource, eventsResource } from './events.ts';
import { flowcontrolResources } from './flowcontrol.ts';
import { cronJobsResource, jobsResource } from './jobs.ts';
import { networkingResources } from './networking.ts';
import { persistentVolumeClaimsResource, persistentVolumesResource } from './persistent-volumes.ts';
import { podsResource } from './pods.ts';
import { limitRangesResource, resourceQuotasResource } from './quotas.ts';
import {
  clusterRoleBindingsResource,
  clusterRolesResource,
  roleBindingsResource,
  rolesResource,
} from './rbac/rbac-resources.ts';
import { podTemplatesResource, replicationControllersResource } from './replication-controllers.ts';
import { schedulingResources } from './scheduling.ts';
import { servicesResource } from './services.ts';
import { controllerRevisionsResource, statefulSetsResource } from './stateful-sets.ts';
import { storageResources } from './storage.ts';
import { deploymentsResource, replicaSetsResource } from './workloads.ts';

/** Every resource of the API that is not made by a CustomResourceDefinition. */
export const builtinResources: readonly Resource[] = [
  componentStatusesResource,
  configMapsResource,
  endpointsResource,
  eventsResource,
  namespacesResource,
  nodesResource,
  limitRangesResource,
  persistentVolumeClaimsResource,
  persistentVolumesResource,
  podsResource,
  podTemplatesResource,
  replicationControllersResource,
  resourceQuotasResource,
  secretsResource,
  serviceAccountsResource,
  servicesResource,
  controllerRevisionsResource,
  daemonSetsResource,
  deploymentsResource,
  replicaSetsResource,
  statefulSetsResource,
  autoscalersResource,
  autoscalersV1Resource,
  cronJobsResource,
  jobsResource,
  leasesResource,
  endpointSlicesResource,
  eventsGroupEventsResource,
  disruptionBudgetsResource,
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
