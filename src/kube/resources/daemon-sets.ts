import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { daemonSetColumns } from '../table/workload-columns.ts';
import type { appsv1 } from '../types/index.generated.ts';
import {
  validateDaemonSet,
  validateDaemonSetStatus,
  validateDaemonSetUpdate,
} from '../validation/daemon-sets.ts';
import { semanticallyEqual } from '../validation/equality.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';
import { defaultPodTemplate } from './pod-spec-defaults.ts';

/** Counts templates; what spec.templateGeneration was in extensions/v1beta1, still written by upstream. */
const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';

/** apps/v1 SetDefaults_DaemonSet. */
function defaultDaemonSet(object: KubeObject): void {
  const set = object as Partial<appsv1.DaemonSet>;
  set.spec ??= {} as appsv1.DaemonSetSpec;
  const { spec } = set;
  spec.updateStrategy ??= {};
  spec.updateStrategy.type ||= 'RollingUpdate';
  if (spec.updateStrategy.type === 'RollingUpdate') {
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
  defaultPodTemplate(spec);
}

function setTemplateGeneration({ metadata }: KubeObject, generation: number): void {
  metadata.annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) };
}

const noDaemons = () => ({
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
});

function prepareForCreate(object: KubeObject): void {
  dropStatus(noDaemons)(object);
  setTemplateGeneration(object, 1);
}

function prepareForUpdate(object: KubeObject, old: KubeObject): void {
  keepStatus(object, old);
  const before = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? 1);
  const sameTemplate = semanticallyEqual(
    (object as appsv1.DaemonSet).spec.template,
    (old as appsv1.DaemonSet).spec.template,
  );
  setTemplateGeneration(object, sameTemplate ? before : before + 1);
}

export const daemonSetsResource: Resource = {
  ...builtin({
    group: 'apps',
    kind: 'DaemonSet',
    name: 'daemonsets',
    shortNames: ['ds'],
    categories: ['all'],
    schema: { ref: 'apps/v1.DaemonSet' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: daemonSetColumns,
  }),
  defaults: defaultDaemonSet,
  prepareForCreate,
  prepareForUpdate,
  validateCreate: (object) => validateDaemonSet(object as appsv1.DaemonSet),
  validateUpdate: (object, old) =>
    validateDaemonSetUpdate(object as appsv1.DaemonSet, old as appsv1.DaemonSet),
  validateStatusUpdate: (object, old) =>
    validateDaemonSetStatus(object as appsv1.DaemonSet, old as appsv1.DaemonSet),
};
