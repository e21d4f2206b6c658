import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { controllerRevisionColumns, statefulSetColumns } from '../table/workload-columns.ts';
import type { appsv1 } from '../types/index.generated.ts';
import {
  validateControllerRevision,
  validateControllerRevisionUpdate,
} from '../validation/controller-revisions.ts';
import { dns1123Label } from '../validation/formats.ts';
import {
  validateStatefulSet,
  validateStatefulSetStatus,
  validateStatefulSetUpdate,
} from '../validation/stateful-sets.ts';
import { builtin, dropStatus, keepStatus, scaleSubresource, statusSubresource } from './builtin.ts';
import { defaultClaim } from './persistent-volumes.ts';
import { defaultPodTemplate } from './pod-spec-defaults.ts';

/** apps/v1 SetDefaults_StatefulSet. */
function defaultStatefulSet(object: KubeObject): void {
  const set = object as Partial<appsv1.StatefulSet>;
  set.spec ??= {} as appsv1.StatefulSetSpec;
  const { spec } = set;
  spec.podManagementPolicy ||= 'OrderedReady';
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ||= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ||= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    claim.apiVersion ||= 'v1';
    claim.kind ||= 'PersistentVolumeClaim';
    defaultClaim(claim);
  }
  defaultPodTemplate(spec);
  // Written even when zero, as upstream does.
  if (set.status !== undefined) set.status.availableReplicas ??= 0;
}

export const statefulSetsResource: Resource = {
  ...builtin({
    group: 'apps',
    kind: 'StatefulSet',
    name: 'statefulsets',
    shortNames: ['sts'],
    categories: ['all'],
    schema: { ref: 'apps/v1.StatefulSet' },
    hasGeneration: true,
    subresources: [statusSubresource, scaleSubresource],
    validateName: dns1123Label,
    columns: statefulSetColumns,
  }),
  defaults: defaultStatefulSet,
  prepareForCreate: dropStatus(() => ({ replicas: 0, availableReplicas: 0 })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateStatefulSet(object as appsv1.StatefulSet),
  validateUpdate: (object, old) =>
    validateStatefulSetUpdate(object as appsv1.StatefulSet, old as appsv1.StatefulSet),
  validateStatusUpdate: (object, old) =>
    validateStatefulSetStatus(object as appsv1.StatefulSet, old as appsv1.StatefulSet),
};

/** What a StatefulSet's or DaemonSet's template was, once it is another one. */
export const controllerRevisionsResource: Resource = {
  ...builtin({
    group: 'apps',
    kind: 'ControllerRevision',
    name: 'controllerrevisions',
    schema: { ref: 'apps/v1.ControllerRevision' },
    columns: controllerRevisionColumns,
  }),
  defaults: (object) => {
    (object as Partial<appsv1.ControllerRevision>).revision ??= 0;
  },
  validateCreate: (object) => validateControllerRevision(object as appsv1.ControllerRevision),
  validateUpdate: (object, old) =>
    validateControllerRevisionUpdate(object as appsv1.ControllerRevision, old as appsv1.ControllerRevision),
};
