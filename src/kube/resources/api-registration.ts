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

/** What this server serves itself is available at once; to other servers it does not carry requests. */
function prepareApiService(object: KubeObject): void {
  const service = object as ApiService;
  const { creationTimestamp } = object.metadata;
  const verdict =
    service.spec?.service === undefined
      ? { status: 'True', reason: 'Local', message: 'Local APIServices are always available' }
      : {
          status: 'False',
          reason: 'AggregationNotSupported',
          message: 'this server does not proxy to API services',
        };
  const since = creationTimestamp !== undefined && { lastTransitionTime: creationTimestamp };
  service.status = { conditions: [{ type: 'Available', ...since, ...verdict }] };
}

/** One that begins to name a service, or ends to, is another. */
function prepareApiServiceUpdate(object: KubeObject, old: KubeObject): void {
  const isLocal = (one: KubeObject) => (one as ApiService).spec?.service === undefined;
  if (isLocal(object) === isLocal(old)) keepStatus(object, old);
  else prepareApiService(object);
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
  prepareForUpdate: prepareApiServiceUpdate,
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
