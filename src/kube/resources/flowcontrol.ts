import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { flowSchemaColumns, priorityLevelColumns } from '../table/flowcontrol-columns.ts';
import type { flowcontrolv1 } from '../types/index.generated.ts';
import { validateFlowSchema } from '../validation/flow-schemas.ts';
import { validatePriorityLevel } from '../validation/priority-levels.ts';
import { builtin, dropStatus, keepStatus, statusSubresource } from './builtin.ts';

const GROUP = 'flowcontrol.apiserver.k8s.io';
type Schema = flowcontrolv1.FlowSchema;
type Level = flowcontrolv1.PriorityLevelConfiguration;

/** flowcontrol/v1 SetDefaults_FlowSchemaSpec. */
function defaultFlowSchema(object: KubeObject): void {
  const { spec } = object as Schema;
  if (spec !== undefined) spec.matchingPrecedence ||= 1000;
}

const flowSchemasResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'FlowSchema',
    name: 'flowschemas',
    namespaced: false,
    schema: { ref: 'flowcontrol/v1.FlowSchema' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: flowSchemaColumns,
  }),
  defaults: defaultFlowSchema,
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validateFlowSchema(object as Schema),
  validateUpdate: (object) => validateFlowSchema(object as Schema),
  validateStatusUpdate: (object) => validateFlowSchema(object as Schema),
};

/** flowcontrol/v1 SetDefaults_{PriorityLevelConfiguration,ExemptPriorityLevelConfiguration,…}. */
function defaultPriorityLevel(object: KubeObject): void {
  const { spec } = object as Level;
  if (spec === undefined) return;
  if (spec.type === 'Exempt') {
    spec.exempt ??= {};
    spec.exempt.nominalConcurrencyShares ??= 0;
    spec.exempt.lendablePercent ??= 0;
  }
  if (spec.limited === undefined) return;
  spec.limited.nominalConcurrencyShares ??= 30;
  spec.limited.lendablePercent ??= 0;
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing === undefined) return;
  queuing.queues ||= 64;
  queuing.handSize ||= 8;
  queuing.queueLengthLimit ||= 50;
}

const priorityLevelsResource: Resource = {
  ...builtin({
    group: GROUP,
    kind: 'PriorityLevelConfiguration',
    name: 'prioritylevelconfigurations',
    namespaced: false,
    schema: { ref: 'flowcontrol/v1.PriorityLevelConfiguration' },
    hasGeneration: true,
    subresources: [statusSubresource],
    columns: priorityLevelColumns,
  }),
  defaults: defaultPriorityLevel,
  prepareForCreate: dropStatus(() => ({})),
  prepareForUpdate: keepStatus,
  validateCreate: (object) => validatePriorityLevel(object as Level),
  validateUpdate: (object) => validatePriorityLevel(object as Level),
  validateStatusUpdate: (object) => validatePriorityLevel(object as Level),
};

export const flowcontrolResources: readonly Resource[] = [flowSchemasResource, priorityLevelsResource];
