import { NotFound } from '../../base/index.ts';
import {
  API_BINDINGS,
  API_EXPORT_ENDPOINT_SLICES,
  Controller,
  type Informer,
  keyOf,
  makeKey,
  PARTITIONS,
  SHARDS,
  workspaceOf,
} from '../../client/index.ts';
import {
  type apisv1alpha1,
  type apisv1alpha2,
  type ConditionState,
  type corev1alpha1,
  equalJson,
  falseCondition,
  formatLabelSelector,
  type KubeObject,
  type topologyv1alpha1,
  trueCondition,
  withCondition,
} from '../../kube/index.ts';
import { ExportLookup } from '../apibinding/export-lookup.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { rootShards } from '../workspace/root-shards.ts';
import { exportUrls } from './export-urls.ts';

type Slice = apisv1alpha1.APIExportEndpointSlice;
type Binding = apisv1alpha2.APIBinding;

const EXPORT_VALID = 'APIExportValid';
const PARTITION_VALID = 'PartitionValid';
/** Bindings, by `cluster|name` of the export they are bound to. */
const BY_EXPORT = 'boundExport';
/** Slices, by the name of their export. */
const BY_NAME = 'exportName';

/**
 * Says in each APIExportEndpointSlice where its export's consumers are seen: nowhere as long as there are none.
 * Source: pkg/reconciler/apis/{apiexportendpointslice,apiexportendpointsliceurls}.
 */
export class ApiExportEndpointController implements RunnableController {
  readonly name = 'apiexportendpointslice-controller';
  readonly #context: ControllerContext;
  readonly #slices: Informer<Slice>;
  readonly #bindings: Informer<Binding>;
  readonly #shards: Informer<corev1alpha1.Shard>;
  readonly #partitions: Informer<topologyv1alpha1.Partition>;
  readonly #lookup: ExportLookup;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers, clock, log } = context;
    this.#slices = informers.informer<Slice>(API_EXPORT_ENDPOINT_SLICES);
    this.#slices.addIndex(BY_NAME, ({ spec }) => [spec?.export.name ?? '']);
    this.#bindings = informers.informer<Binding>(API_BINDINGS);
    this.#bindings.addIndex(BY_EXPORT, (binding) => [boundTo(binding)]);
    this.#shards = informers.informer<corev1alpha1.Shard>(SHARDS);
    this.#partitions = informers.informer<topologyv1alpha1.Partition>(PARTITIONS);
    this.#lookup = new ExportLookup(informers);
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#listen();
  }

  #listen(): void {
    const { queue } = this.#controller;
    const add = (slice: Slice) => queue.add(keyOf(slice));
    this.#slices.addHandler({ onAdd: add, onUpdate: add });
    const addOf = (cluster: string, name: string) => {
      for (const slice of this.#slices.byIndex(BY_NAME, name))
        if (this.#lookup.clusterOf(slice, slice.spec?.export) === cluster) add(slice);
    };
    const addOfExport = (one: KubeObject) => addOf(workspaceOf(one), one.metadata.name);
    this.#lookup.exports.addHandler({ onAdd: addOfExport, onDelete: addOfExport });
    // The first and the last consumer make a difference; those between them find the slice as it should be.
    const addOfBinding = (binding: Binding) =>
      addOf(binding.status?.apiExportClusterName ?? '', binding.spec.reference.export?.name ?? '');
    this.#bindings.addHandler({
      onAdd: addOfBinding,
      onUpdate: (binding, old) => boundTo(binding) !== boundTo(old) && addOfBinding(binding),
      onDelete: addOfBinding,
    });
    const addAll = () => {
      for (const slice of this.#slices.list()) add(slice);
    };
    this.#shards.addHandler({ onAdd: addAll, onUpdate: addAll, onDelete: addAll });
    this.#partitions.addHandler({ onAdd: addAll, onUpdate: addAll, onDelete: addAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { exports, clusters } = this.#lookup;
    const caches = [this.#slices, this.#bindings, this.#shards, this.#partitions, exports, clusters];
    if (await cachesSynced(signal, ...caches)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const slice = this.#slices.get(key);
    if (slice?.spec === undefined || slice.metadata.deletionTimestamp !== undefined) return;
    const status = this.#statusOf(slice, slice.spec);
    if (equalJson(status, slice.status)) return;
    try {
      await this.#context.client
        .in(workspaceOf(slice))
        .resource<Slice>(API_EXPORT_ENDPOINT_SLICES)
        .updateStatus({ ...slice, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  #statusOf(slice: Slice, spec: NonNullable<Slice['spec']>): NonNullable<Slice['status']> {
    const now = kubeTime(this.#context.clock.now());
    const status = { ...slice.status };
    const set = (state: ConditionState) => {
      status.conditions = withCondition(status.conditions, state, now);
    };
    const { path, name } = spec.export;
    const cluster = this.#lookup.clusterOf(slice, spec.export);
    const exported = cluster === undefined ? undefined : this.#lookup.exported(cluster, name);
    if (exported === undefined) {
      const why = `Error getting APIExport ${path || workspaceOf(slice)}|${name}`;
      set(falseCondition(EXPORT_VALID, 'Error', 'APIExportNotFound', why));
      return { ...status, endpoints: [] };
    }
    set(trueCondition(EXPORT_VALID));
    const partition = spec.partition
      ? this.#partitions.get(makeKey(workspaceOf(slice), '', spec.partition))
      : undefined;
    if (spec.partition && partition === undefined) {
      const why = `partitions.topology.kcp.io ${JSON.stringify(spec.partition)} not found`;
      set(falseCondition(PARTITION_VALID, 'Error', 'PartitionInvalidReference', why));
      return { ...status, endpoints: [] };
    }
    set(trueCondition(PARTITION_VALID));
    const selector = partition?.spec.selector;
    const consumers = this.#bindings.byIndex(BY_EXPORT, `${cluster}|${name}`);
    const urls = consumers.length === 0 ? [] : exportUrls(exported, rootShards(this.#shards), selector);
    const text = formatLabelSelector(selector);
    return {
      ...status,
      endpoints: urls.map((url) => ({ url })),
      ...(selector !== undefined && { shardSelector: text }),
    };
  }
}

function boundTo({ spec, status }: Binding): string {
  return `${status?.apiExportClusterName ?? ''}|${spec.reference.export?.name ?? ''}`;
}
