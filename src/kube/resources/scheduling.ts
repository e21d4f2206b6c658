import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { priorityClassColumns, runtimeClassColumns } from '../table/class-columns.ts';
import type { nodev1, schedulingv1 } from '../types/index.generated.ts';
import {
  validatePriorityClass,
  validatePriorityClassUpdate,
  validateRuntimeClass,
  validateRuntimeClassUpdate,
} from '../validation/priority-classes.ts';
import { builtin } from './builtin.ts';

const priorityClassesResource: Resource = {
  ...builtin({
    group: 'scheduling.k8s.io',
    kind: 'PriorityClass',
    name: 'priorityclasses',
    shortNames: ['pc'],
    namespaced: false,
    schema: { ref: 'scheduling/v1.PriorityClass' },
    hasGeneration: true,
    columns: priorityClassColumns,
  }),
  defaults: (object: KubeObject) => {
    (object as schedulingv1.PriorityClass).preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validateCreate: (object) => validatePriorityClass(object as schedulingv1.PriorityClass),
  validateUpdate: (object, old) =>
    validatePriorityClassUpdate(object as schedulingv1.PriorityClass, old as schedulingv1.PriorityClass),
};

const runtimeClassesResource: Resource = {
  ...builtin({
    group: 'node.k8s.io',
    kind: 'RuntimeClass',
    name: 'runtimeclasses',
    namespaced: false,
    schema: { ref: 'node/v1.RuntimeClass' },
    columns: runtimeClassColumns,
  }),
  validateCreate: (object) => validateRuntimeClass(object as nodev1.RuntimeClass),
  validateUpdate: (object, old) =>
    validateRuntimeClassUpdate(object as nodev1.RuntimeClass, old as nodev1.RuntimeClass),
};

export const schedulingResources: readonly Resource[] = [priorityClassesResource, runtimeClassesResource];
