import { AlreadyExists, NotFound } from '../../base/index.ts';
import {
  type Client,
  Controller,
  ENDPOINT_SLICES,
  ENDPOINTS,
  type Informer,
  keyOf,
  makeKey,
  NODES,
  namespaceKeyOf,
  PODS,
  SERVICES,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, type discoveryv1, selectorFromLabels, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { endpointsOfService, type ServiceEndpoint } from './endpoints-of-service.ts';
import {
  ENDPOINTS_MANAGED_BY,
  ENDPOINTS_MANAGER,
  legacyEndpoints,
  overCapacityAnnotation,
} from './legacy-endpoints.ts';
import { OwnSlices } from './own-slices.ts';
import { MANAGER, planSlices } from './slice-plan.ts';

/**
 * Keeps EndpointSlices, and the Endpoints of older clients, of every service that has a selector. Those of
 * the service `default/kubernetes` are the API server's own (it has no selector).
 */
export class EndpointSliceController implements RunnableController {
  readonly name = 'endpointslice-controller';
  readonly #endpointsClient: Client;
  readonly #services: Informer<corev1.Service>;
  readonly #pods: Informer<corev1.Pod>;
  readonly #slices: Informer<discoveryv1.EndpointSlice>;
  readonly #endpoints: Informer<corev1.Endpoints>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #controller: Controller;
  readonly #own: OwnSlices;

  constructor(context: ControllerContext) {
    this.#endpointsClient = context.clientFor('endpoint-controller');
    const { informers } = context;
    this.#services = informers.informer<corev1.Service>(SERVICES);
    this.#pods = informers.informer<corev1.Pod>(PODS);
    this.#slices = informers.informer<discoveryv1.EndpointSlice>(ENDPOINT_SLICES);
    this.#endpoints = informers.informer<corev1.Endpoints>(ENDPOINTS);
    this.#nodes = informers.informer<corev1.Node>(NODES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#own = new OwnSlices({
      client: context.client,
      slices: this.#slices,
      manager: MANAGER,
      changed: (key) => this.#controller.queue.add(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    const caches = [this.#services, this.#pods, this.#slices, this.#endpoints, this.#nodes];
    if (await cachesSynced(signal, ...caches)) await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    this.#services.addHandler({
      onAdd: (service) => queue.add(keyOf(service)),
      onUpdate: (service) => queue.add(keyOf(service)),
      onDelete: (service) => queue.add(keyOf(service)),
    });
    this.#pods.addHandler({
      onAdd: (pod) => this.#addServicesOf(pod),
      onUpdate: (pod, old) => {
        if (!endpointChanged(pod, old)) return;
        this.#addServicesOf(pod);
        if (!semanticallyEqual(pod.metadata.labels, old.metadata.labels)) this.#addServicesOf(old);
      },
      onDelete: (pod) => this.#addServicesOf(pod),
    });
    this.#endpoints.addHandler({
      onUpdate: (endpoints) => isManaged(endpoints) && queue.add(keyOf(endpoints)),
      onDelete: (endpoints) => isManaged(endpoints) && queue.add(keyOf(endpoints)),
    });
  }

  #addServicesOf(pod: corev1.Pod): void {
    for (const service of this.#services.byIndex('namespace', namespaceKeyOf(pod)))
      if (hasSelector(service) && selectorFromLabels(service.spec.selector).matches(pod.metadata.labels))
        this.#controller.queue.add(keyOf(service));
  }

  async #reconcile(key: string): Promise<undefined> {
    const service = this.#services.get(key);
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) {
      await this.#cleanUp(key);
      return;
    }
    if (service.spec.type === 'ExternalName') {
      await this.#cleanUp(key);
      return;
    }
    if (!hasSelector(service)) return;
    const selector = selectorFromLabels(service.spec.selector);
    const pods = this.#pods
      .byIndex('namespace', namespaceKeyOf(service))
      .filter((pod) => selector.matches(pod.metadata.labels));
    const endpoints = endpointsOfService(service, pods);
    await Promise.all([this.#syncSlices(key, service, endpoints), this.#syncLegacy(key, service, endpoints)]);
  }

  async #syncSlices(
    key: string,
    service: corev1.Service,
    endpoints: readonly ServiceEndpoint[],
  ): Promise<void> {
    // The slice that is awaited brings this key back when the cache shows it.
    if (this.#own.isBehind(key)) return;
    const plan = planSlices(service, endpoints, this.#own.of(key), (node) =>
      this.#zoneOf(workspaceOf(service), node),
    );
    for (const slice of plan.update) await this.#own.update(key, slice);
    for (const draft of plan.create) await this.#own.create(key, draft);
    for (const slice of plan.delete) await this.#own.delete(key, slice);
  }

  async #syncLegacy(
    key: string,
    service: corev1.Service,
    endpoints: readonly ServiceEndpoint[],
  ): Promise<void> {
    const { subsets, labels, overCapacity } = legacyEndpoints(service, endpoints);
    const { name, namespace } = service.metadata;
    const client = this.#endpointsClient.in(workspaceOf(service)).resource<corev1.Endpoints>(ENDPOINTS);
    const current = this.#endpoints.get(key);
    const annotations = overCapacityAnnotation(overCapacity);
    if (current === undefined) {
      try {
        await client.create({ metadata: { name, namespace: namespace!, labels, annotations }, subsets });
      } catch (error) {
        // The cache lags behind; the object's own event brings this service back.
        if (!(error instanceof AlreadyExists)) throw error;
      }
      return;
    }
    if (semanticallyEqual(current.subsets, subsets) && semanticallyEqual(current.metadata.labels, labels))
      return;
    const metadata = {
      ...current.metadata,
      labels,
      annotations: { ...current.metadata.annotations, ...annotations },
    };
    await client.update({ ...current, metadata, subsets });
  }

  /** Takes away what this controller made for a service that is gone or needs no endpoints any more. */
  async #cleanUp(key: string): Promise<void> {
    for (const slice of this.#own.of(key)) await this.#own.delete(key, slice);
    this.#own.forget(key);
    const endpoints = this.#endpoints.get(key);
    if (endpoints === undefined || !isManaged(endpoints)) return;
    const { name, namespace } = endpoints.metadata;
    try {
      await this.#endpointsClient
        .in(workspaceOf(endpoints))
        .resource(ENDPOINTS)
        .delete(name, { namespace: namespace! });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  #zoneOf(workspace: string, nodeName: string): string | undefined {
    const node = this.#nodes.get(makeKey(workspace, '', nodeName));
    return node?.metadata.labels?.['topology.kubernetes.io/zone'];
  }
}

function hasSelector(service: corev1.Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0;
}

function isManaged(endpoints: corev1.Endpoints): boolean {
  return endpoints.metadata.labels?.[ENDPOINTS_MANAGED_BY] === ENDPOINTS_MANAGER;
}

/** Whether anything changed that an endpoint shows; most updates of a pod do not touch it. */
function endpointChanged(pod: corev1.Pod, old: corev1.Pod): boolean {
  const ready = (one: corev1.Pod) =>
    one.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return (
    pod.status?.podIP !== old.status?.podIP ||
    pod.status?.phase !== old.status?.phase ||
    pod.spec.nodeName !== old.spec.nodeName ||
    pod.metadata.deletionTimestamp !== old.metadata.deletionTimestamp ||
    ready(pod) !== ready(old) ||
    !semanticallyEqual(pod.metadata.labels, old.metadata.labels)
  );
}
