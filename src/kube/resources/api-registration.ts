import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { apiServiceColumns, storageVersionMigrationColumns } from '../table/class-columns.ts';
import type { apiregistrationv1, storagemigrationv1beta1 } from '../types/index.generated.ts';
import {
  validateApiService,
  validateApiServiceStatus,
  validateMigration,
  validateMigrationStatus,
  validateMigrationUpdate,
} from '../validation/api-services.ts';
import { pathSegmentName } from '../validation/names.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

type ApiService = apiregistrationv1.APIService;
type Migration = storagemigrationv1beta1.StorageVersionMigration;

/** What this server serves itself is available at once; of others somebody has to find out. */
function prepareApiService(object: KubeObject): void {
  const service = object as ApiService;
  service.status = {};
  if (service.spec?.service === undefined)
    service.status.conditions = [localAvailability(object.metadata.creationTimestamp)];
}

/** The condition of an APIService that names no service; kube-aggregator's NewLocalAvailableAPIServiceCondition. */
export function localAvailability(time: string | undefined): apiregistrationv1.APIServiceCondition {
  return {
    type: 'Available',
    status: 'True',
    ...(time !== undefined && { lastTransitionTime: time }),
    reason: 'Local',
    message: 'Local APIServices are always available',
  };
}

const apiServicesResource: Resource = {
  ...builtin({
    group: 'apiregistration.k8s.io',
    kind: 'APIService',
    name: 'apiservices',
    categories: ['api-extensions'],
    namespaced: false,
    schema: { ref: 'apiregistration/v1.APIService' },
    subresources: [statusSubresource],
    validateName: pathSegmentName,
    columns: apiServiceColumns,
  }),
  defaults: (object) => {
    const service = (object as ApiService).spec?.service;
    if (service !== undefined) service.port ??= 443;
  },
  prepareForCreate: prepareApiService,
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateApiService(object as ApiService),
  validateUpdate: (object) => validateApiService(object as ApiService),
  validateStatusUpdate: (object) => validateApiServiceStatus(object as ApiService),
};

const storageVersionMigrationsResource: Resource = {
  ...builtin({
    group: 'storagemigration.k8s.io',
    version: 'v1beta1',
    kind: 'StorageVersionMigration',
    name: 'storageversionmigrations',
    namespaced: false,
    schema: { ref: 'storagemigration/v1beta1.StorageVersionMigration' },
    subresources: [statusSubresource],
    columns: storageVersionMigrationColumns,
  }),
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateMigration(object as Migration),
  validateUpdate: (object, old) => validateMigrationUpdate(object as Migration, old as Migration),
  validateStatusUpdate: (object) => validateMigrationStatus(object as Migration),
};

export const apiRegistrationResources: readonly Resource[] = [
  apiServicesResource,
  storageVersionMigrationsResource,
];
