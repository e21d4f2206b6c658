import { NotFound } from '../../base/index.ts';
import {
  API_BINDINGS,
  Controller,
  CUSTOM_RESOURCE_DEFINITIONS,
  type Informer,
  keyOf,
  workspaceOf,
} from '../../client/index.ts';
import {
  type apiextensionsv1,
  type apisv1alpha2,
  builtinResources,
  equalJson,
  isKcpConditionTrue,
  kcpResources,
  withCondition,
} from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { type BindingWorld, bindingStatus, hasNews, type Taken } from './binding-status.ts';
import { removeBoundContent } from './bound-content-removal.ts';
import { ExportLookup } from './export-lookup.ts';

type Binding = apisv1alpha2.APIBinding;

const FINALIZER = 'apis.kcp.io/apibinding-finalizer';
/** Until what is left behind by finalizers is looked at again. */
const RECHECK_MS = 1_000;
const WORKERS = 16;
const BY_EXPORT_NAME = 'exportName';

const BUILT_IN: readonly Taken[] = [...builtinResources, ...kcpResources].map((one) => ({
  by: `the built-in API ${JSON.stringify(one.name)}`,
  group: one.group,
  names: { plural: one.name, singular: one.singularName, kind: one.kind, listKind: one.listKind },
}));

/**
 * Binds what an APIBinding refers to: says in its status what the workspace is to serve, or why it cannot; and takes
 * the objects away with the binding. Source: pkg/reconciler/apis/{apibinding,apibindingdeletion,permissionclaimlabel}.
 */
export class ApiBindingController implements RunnableController {
  readonly name = 'apibinding-controller';
  readonly #context: ControllerContext;
  readonly #bindings: Informer<Binding>;
  readonly #definitions: Informer<apiextensionsv1.CustomResourceDefinition>;
  readonly #lookup: ExportLookup;
  readonly #controller: Controller;
  /** The last of those that are finding out, in a workspace, whether their names are free. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers, clock, log } = context;
    this.#bindings = informers.informer<Binding>(API_BINDINGS);
    this.#bindings.addIndex(BY_EXPORT_NAME, ({ spec }) => [spec.reference.export?.name ?? '']);
    this.#definitions = informers.informer(CUSTOM_RESOURCE_DEFINITIONS);
    this.#lookup = new ExportLookup(informers);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#listen();
  }

  #listen(): void {
    const { queue } = this.#controller;
    const add = (binding: Binding) => queue.add(keyOf(binding));
    this.#bindings.addHandler({
      onAdd: add,
      onUpdate: add,
      onDelete: (binding) => this.#addWaiting(workspaceOf(binding)),
    });
    const addBound = (exported: apisv1alpha2.APIExport) => {
      const cluster = workspaceOf(exported);
      for (const binding of this.#bindings.byIndex(BY_EXPORT_NAME, exported.metadata.name))
        if (this.#lookup.clusterOf(binding, binding.spec.reference.export) === cluster) add(binding);
    };
    this.#lookup.exports.addHandler({ onAdd: addBound, onUpdate: addBound, onDelete: addBound });
    this.#lookup.schemas.addHandler({
      onAdd: (schema) => {
        for (const one of this.#lookup.exports.byIndex('namespace', `${workspaceOf(schema)}|`))
          if (one.spec?.resources?.some(({ schema: name }) => name === schema.metadata.name) === true)
            addBound(one);
      },
    });
    this.#definitions.addHandler({ onDelete: (definition) => this.#addWaiting(workspaceOf(definition)) });
  }

  /** Those that names stood in the way of. */
  #addWaiting(workspace: string): void {
    for (const binding of this.#bindings.byIndex('namespace', `${workspace}|`))
      if (!isKcpConditionTrue(binding.status?.conditions, 'BindingUpToDate'))
        this.#controller.queue.add(keyOf(binding));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { exports, schemas, clusters } = this.#lookup;
    if (await cachesSynced(signal, this.#bindings, this.#definitions, exports, schemas, clusters))
      await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const binding = this.#bindings.get(key);
    if (binding === undefined) return undefined;
    try {
      if (binding.metadata.deletionTimestamp !== undefined) return await this.#remove(binding);
      const world = this.#worldOf(binding);
      if (!hasNews(binding, world)) await this.#store(binding, { ...world, taken: [] });
      else
        await this.#inTurn(workspaceOf(binding), async () => {
          await this.#store(binding, { ...world, taken: await this.#takenNames(binding) });
        });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }

  #worldOf(binding: Binding): Omit<BindingWorld, 'taken'> {
    const reference = binding.spec.reference.export;
    const exportCluster = this.#lookup.clusterOf(binding, reference);
    if (exportCluster === undefined || reference === undefined)
      return { exportCluster, exported: undefined, schema: () => undefined };
    return {
      exportCluster,
      exported: this.#lookup.exported(exportCluster, reference.name),
      schema: (name) => this.#lookup.schema(exportCluster, name),
    };
  }

  /** One after the other in a workspace: of two that want the same name, one gets it. */
  async #inTurn(workspace: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(workspace) ?? Promise.resolve();
    // Whether it failed is for who waits for it.
    const turn = before.catch(() => undefined).then(work);
    this.#turns.set(workspace, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(workspace) === turn) this.#turns.delete(workspace);
    }
  }

  /** As the server has them now: a cache that lags behind would give a name twice. */
  async #takenNames(binding: Binding): Promise<Taken[]> {
    const client = this.#context.client.in(workspaceOf(binding));
    const [bindings, definitions] = await Promise.all([
      client.resource<Binding>(API_BINDINGS).list(),
      client.resource<apiextensionsv1.CustomResourceDefinition>(CUSTOM_RESOURCE_DEFINITIONS).list(),
    ]);
    const bound = bindings.items
      .filter(({ metadata }) => metadata.name !== binding.metadata.name)
      .flatMap((other) => (other.status?.boundResources ?? []).map((one) => this.#takenBy(other, one)));
    const defined = definitions.items.map(({ metadata, spec, status }) => ({
      by: `CustomResourceDefinition ${JSON.stringify(metadata.name)}`,
      group: spec.group,
      names: status?.acceptedNames ?? spec.names,
    }));
    return [...BUILT_IN, ...bound, ...defined];
  }

  #takenBy(other: Binding, { group, resource, schema }: apisv1alpha2.BoundAPIResource): Taken {
    const { path, name } = other.spec.reference.export!;
    const target = path ? `APIExport ${path}:${name}` : `local APIExport ${JSON.stringify(name)}`;
    const known = this.#lookup.schema(other.status?.apiExportClusterName ?? '', schema.name);
    return {
      by: `APIBinding ${JSON.stringify(other.metadata.name)} bound to ${target}`,
      group,
      names: known?.spec.names ?? { plural: resource, kind: '' },
    };
  }

  async #store(binding: Binding, world: BindingWorld): Promise<void> {
    const status = bindingStatus(binding, world, kubeTime(this.#context.clock.now()));
    if (!equalJson(status, binding.status)) await this.#client(binding).updateStatus({ ...binding, status });
  }

  /** Gives how long to wait still. */
  async #remove(binding: Binding): Promise<number | undefined> {
    const { finalizers = [] } = binding.metadata;
    if (!finalizers.includes(FINALIZER)) return undefined;
    const verdict = await removeBoundContent(binding, {
      client: this.#context.client,
      schemaOf: ({ status }, { schema }) =>
        this.#lookup.schema(status?.apiExportClusterName ?? '', schema.name),
      isAdopted: (one, bound) => this.#isAdopted(one, bound),
    });
    if (verdict.status === 'True') {
      const left = finalizers.filter((finalizer) => finalizer !== FINALIZER);
      await this.#client(binding).update({ ...binding, metadata: { ...binding.metadata, finalizers: left } });
      return undefined;
    }
    const now = kubeTime(this.#context.clock.now());
    const conditions = withCondition(binding.status?.conditions, verdict, now);
    if (!equalJson(conditions, binding.status?.conditions))
      await this.#client(binding).updateStatus({ ...binding, status: { ...binding.status, conditions } });
    return RECHECK_MS;
  }

  /** Another binding refers to an export that has the same schema under the same identity. */
  #isAdopted(binding: Binding, { schema }: apisv1alpha2.BoundAPIResource): boolean {
    return this.#bindings.byIndex('namespace', `${workspaceOf(binding)}|`).some((other) => {
      if (other.metadata.name === binding.metadata.name || other.metadata.deletionTimestamp !== undefined)
        return false;
      const { exported, schema: find } = this.#worldOf(other);
      return (
        exported?.status?.identityHash === schema.identityHash &&
        exported.spec?.resources?.some((one) => find(one.schema)?.metadata.uid === schema.UID) === true
      );
    });
  }

  #client(binding: Binding) {
    return this.#context.client.in(workspaceOf(binding)).resource<Binding>(API_BINDINGS);
  }
}
