import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { deploymentColumns, replicaSetColumns } from '../table/workload-columns.ts';
import type { appsv1 } from '../types/index.generated.ts';
import {
  validateDeployment,
  validateDeploymentUpdate,
  validateReplicaSet,
  validateReplicaSetUpdate,
} from '../validation/workloads.ts';
import {
  builtin,
  dropStatus,
  keepStatus,
  scaleSubresource,
  selectable,
  statusSubresource,
} from './builtin.ts';
import { defaultPodTemplate } from './pod-spec-defaults.ts';

/** apps/v1 SetDefaults_Deployment. */
function defaultDeployment(object: KubeObject): void {
  const deployment = object as Partial<appsv1.Deployment>;
  deployment.spec ??= {} as appsv1.DeploymentSpec;
  const { spec } = deployment;
  spec.replicas ??= 1;
  spec.strategy ??= {};
  spec.strategy.type ||= 'RollingUpdate';
  if (spec.strategy.type === 'RollingUpdate') {
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= '25%';
    spec.strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
  defaultPodTemplate(spec);
}

export const deploymentsResource: Resource = {
  ...builtin({
    group: 'apps',
    kind: 'Deployment',
    name: 'deployments',
    shortNames: ['deploy'],
    categories: ['all'],
    schema: { ref: 'apps/v1.Deployment' },
    hasGeneration: true,
    subresources: [statusSubresource, scaleSubresource],
    columns: deploymentColumns,
  }),
  defaults: defaultDeployment,
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateDeployment(object as appsv1.Deployment),
  validateUpdate: (object, old) =>
    validateDeploymentUpdate(object as appsv1.Deployment, old as appsv1.Deployment),
};

/** apps/v1 SetDefaults_ReplicaSet. */
function defaultReplicaSet(object: KubeObject): void {
  const set = object as Partial<appsv1.ReplicaSet>;
  set.spec ??= {} as appsv1.ReplicaSetSpec;
  const { spec } = set;
  spec.replicas ??= 1;
  defaultPodTemplate(spec);
}

export const replicaSetsResource: Resource = {
  ...builtin({
    group: 'apps',
    kind: 'ReplicaSet',
    name: 'replicasets',
    shortNames: ['rs'],
    categories: ['all'],
    schema: { ref: 'apps/v1.ReplicaSet' },
    hasGeneration: true,
    subresources: [statusSubresource, scaleSubresource],
    columns: replicaSetColumns,
  }),
  defaults: defaultReplicaSet,
  prepareForCreate: dropStatus(() => ({ replicas: 0 })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateReplicaSet(object as appsv1.ReplicaSet),
  validateUpdate: (object, old) =>
    validateReplicaSetUpdate(object as appsv1.ReplicaSet, old as appsv1.ReplicaSet),
  selectableFields: selectable<appsv1.ReplicaSet>({
    'status.replicas': ({ status }) => String(status?.replicas ?? 0),
  }),
};
