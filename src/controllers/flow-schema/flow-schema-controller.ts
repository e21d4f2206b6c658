import { NotFound } from '../../base/index.ts';
import {
  Controller,
  FLOW_SCHEMAS,
  type Informer,
  keyOf,
  makeKey,
  PRIORITY_LEVEL_CONFIGURATIONS,
  workspaceOf,
} from '../../client/index.ts';
import type { flowcontrolv1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';

type Schema = flowcontrolv1.FlowSchema;
type Level = flowcontrolv1.PriorityLevelConfiguration;

/**
 * Tells on every FlowSchema whether the priority level it names is there: the condition Dangling.
 * Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go.
 */
export class FlowSchemaController implements RunnableController {
  readonly name = 'flow-schema-controller';
  readonly #context: ControllerContext;
  readonly #schemas: Informer<Schema>;
  readonly #levels: Informer<Level>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#schemas = context.informers.informer<Schema>(FLOW_SCHEMAS);
    this.#levels = context.informers.informer<Level>(PRIORITY_LEVEL_CONFIGURATIONS);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#schemas.addHandler({
      onAdd: (schema) => queue.add(keyOf(schema)),
      onUpdate: (schema) => queue.add(keyOf(schema)),
    });
    const addUsers = (level: Level) => {
      for (const schema of this.#schemas.list())
        if (levelOf(schema) === level.metadata.name) queue.add(keyOf(schema));
    };
    this.#levels.addHandler({ onAdd: addUsers, onDelete: addUsers });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#schemas, this.#levels)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const schema = this.#schemas.get(key);
    if (schema === undefined) return;
    const level = levelOf(schema);
    const dangling = this.#levels.get(makeKey(workspaceOf(schema), '', level)) === undefined;
    const wanted = danglingCondition(level, dangling);
    const conditions = schema.status?.conditions ?? [];
    const current = conditions.find(({ type }) => type === 'Dangling');
    if (current !== undefined && isSame(current, wanted)) return;
    const since =
      current !== undefined && current.status === wanted.status ? current.lastTransitionTime : undefined;
    const lastTransitionTime = since ?? kubeTime(this.#context.clock.now());
    const others = conditions.filter(({ type }) => type !== 'Dangling');
    try {
      await this.#context.client
        .in(workspaceOf(schema))
        .resource<Schema>(FLOW_SCHEMAS)
        .updateStatus({
          ...schema,
          status: { ...schema.status, conditions: [...others, { ...wanted, lastTransitionTime }] },
        });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

function isSame(a: flowcontrolv1.FlowSchemaCondition, b: flowcontrolv1.FlowSchemaCondition): boolean {
  return a.status === b.status && a.reason === b.reason && a.message === b.message;
}

function levelOf({ spec }: Schema): string {
  return spec.priorityLevelConfiguration.name;
}

/** The condition without its time. */
function danglingCondition(level: string, dangling: boolean): flowcontrolv1.FlowSchemaCondition {
  const names = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(level)}`;
  return dangling
    ? {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message: `${names} but there is no such object`,
      }
    : { type: 'Dangling', status: 'False', reason: 'Found', message: `${names} and it exists` };
}
