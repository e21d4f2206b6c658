import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { selectorFromLabels } from '../selectors/label-selector.ts';
import { podTemplateColumns, replicationControllerColumns } from '../table/workload-columns.ts';
import type { corev1 } from '../types/index.generated.ts';
import { semanticallyEqual } from '../validation/equality.ts';
import { validatePodTemplate } from '../validation/pod-spec.ts';
import {
  validateReplicationController,
  validateReplicationControllerStatus,
} from '../validation/replication-controllers.ts';
import {
  builtin,
  dropStatus,
  keepStatus,
  scaleSubresource,
  selectable,
  statusSubresource,
} from './builtin.ts';
import { defaultPodTemplate } from './pod-spec-defaults.ts';

/** core/v1 SetDefaults_ReplicationController: selector and labels are the template's, when they are not said. */
function defaultReplicationController(object: KubeObject): void {
  const controller = object as Partial<corev1.ReplicationController> & Pick<KubeObject, 'metadata'>;
  controller.spec ??= {};
  const { spec, metadata } = controller;
  const labels = spec.template?.metadata?.labels;
  if (labels !== undefined) {
    if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
    if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
  }
  spec.replicas ??= 1;
  if (spec.template !== undefined) defaultPodTemplate(spec);
}

export const replicationControllersResource: Resource = {
  ...builtin({
    kind: 'ReplicationController',
    name: 'replicationcontrollers',
    shortNames: ['rc'],
    categories: ['all'],
    schema: { ref: 'core/v1.ReplicationController' },
    hasGeneration: true,
    subresources: [statusSubresource, scaleSubresource],
    columns: replicationControllerColumns,
  }),
  scale: {
    replicasPath: ['spec', 'replicas'],
    read: (object) => {
      const { spec, status } = object as corev1.ReplicationController;
      return {
        replicas: spec.replicas,
        statusReplicas: status?.replicas ?? 0,
        selector: selectorFromLabels(spec.selector).toString(),
      };
    },
    write: (object, replicas) => {
      (object as corev1.ReplicationController).spec.replicas = replicas;
    },
  },
  defaults: defaultReplicationController,
  prepareForCreate: dropStatus(() => ({ replicas: 0 })),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateReplicationController(object as corev1.ReplicationController),
  validateUpdate: (object) => validateReplicationController(object as corev1.ReplicationController),
  validateStatusUpdate: (object) =>
    validateReplicationControllerStatus(object as corev1.ReplicationController),
  selectableFields: selectable<corev1.ReplicationController>({
    'status.replicas': ({ status }) => String(status?.replicas ?? 0),
  }),
};

/** A PodTemplate has no spec: what its generation counts is the template. */
function countTemplateChanges(object: KubeObject, old: KubeObject): void {
  const { template } = object as corev1.PodTemplate;
  if (semanticallyEqual(template, (old as corev1.PodTemplate).template)) return;
  object.metadata.generation = (old.metadata.generation ?? 0) + 1;
}

const validateTemplateOf = (object: KubeObject) =>
  validatePodTemplate((object as corev1.PodTemplate).template!, 'template');

export const podTemplatesResource: Resource = {
  ...builtin({
    kind: 'PodTemplate',
    name: 'podtemplates',
    schema: { ref: 'core/v1.PodTemplate' },
    hasGeneration: true,
    columns: podTemplateColumns,
  }),
  defaults: (object) => defaultPodTemplate(object as corev1.PodTemplate),
  prepareForUpdate: countTemplateChanges,
  validateCreate: validateTemplateOf,
  validateUpdate: validateTemplateOf,
};
