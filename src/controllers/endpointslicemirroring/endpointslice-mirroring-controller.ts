import { NotFound } from '../../base/index.ts';
import {
  Controller,
  ENDPOINT_SLICES,
  ENDPOINTS,
  type EventRecorder,
  type Informer,
  keyOf,
  makeKey,
  SERVICES,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { AwaitedSlices } from '../endpointslice/awaited-slices.ts';
import { MANAGED_BY, SERVICE_NAME } from '../endpointslice/slice-plan.ts';
import { isMirrored, MAX_MIRRORED, MIRROR_MANAGER, planMirror } from './mirror-plan.ts';

type Slice = discoveryv1.EndpointSlice;

/**
 * Makes EndpointSlices of Endpoints that people write for services without a selector, so that whoever follows slices
 * alone (the service rules of the nodes) finds them. Source: k8s.io/kubernetes/pkg/controller/endpointslicemirroring.
 */
export class EndpointSliceMirroringController implements RunnableController {
  readonly name = 'endpoint-slice-mirroring-controller';
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;
  readonly #services: Informer<corev1.Service>;
  readonly #endpoints: Informer<corev1.Endpoints>;
  readonly #slices: Informer<Slice>;
  readonly #controller: Controller;
  readonly #awaited = new AwaitedSlices();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#recorder = context.recorder.for(this.name);
    this.#services = context.informers.informer<corev1.Service>(SERVICES);
    this.#endpoints = context.informers.informer<corev1.Endpoints>(ENDPOINTS);
    this.#slices = context.informers.informer<Slice>(ENDPOINT_SLICES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    this.#watch();
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#services, this.#endpoints, this.#slices))
      await this.#controller.run(signal);
  }

  #watch(): void {
    const { queue } = this.#controller;
    const add = (object: corev1.Service | corev1.Endpoints) => queue.add(keyOf(object));
    this.#services.addHandler({
      onAdd: add,
      onUpdate: (service, old) => hasSelector(service) !== hasSelector(old) && add(service),
      onDelete: add,
    });
    this.#endpoints.addHandler({
      onAdd: add,
      onUpdate: (endpoints, old) => (isMirrored(endpoints) || isMirrored(old)) && add(endpoints),
      onDelete: add,
    });
    this.#slices.addIndex('mirrored', (slice) => {
      const key = ownerKeyOf(slice);
      return key === undefined ? [] : [key];
    });
    const seen = (slice: Slice, what?: 'created' | 'deleted') => {
      const key = ownerKeyOf(slice);
      if (key === undefined) return;
      if (what !== undefined) this.#awaited.seen(key, slice.metadata.name, what);
      queue.add(key);
    };
    this.#slices.addHandler({
      onAdd: (slice) => seen(slice, 'created'),
      onUpdate: (slice) => seen(slice),
      onDelete: (slice) => seen(slice, 'deleted'),
    });
  }

  async #reconcile(key: string): Promise<undefined> {
    // The slice that is awaited brings this key back when the cache shows it.
    if (this.#awaited.any(key)) return;
    const endpoints = this.#endpoints.get(key);
    const service = this.#services.get(key);
    const existing = this.#slices.byIndex('mirrored', key);
    if (endpoints === undefined || service === undefined || hasSelector(service) || !isMirrored(endpoints)) {
      for (const slice of existing) await this.#delete(key, slice);
      return;
    }
    const plan = planMirror(endpoints, existing);
    this.#tell(endpoints, plan);
    const slices = this.#client(key);
    if (endpoints.metadata.deletionTimestamp === undefined)
      for (const draft of plan.create)
        this.#await(key, (await slices.create(draft)).metadata.name, 'created');
    for (const slice of plan.update) await slices.update(slice);
    for (const slice of plan.delete) await this.#delete(key, slice);
  }

  #tell(endpoints: corev1.Endpoints, { invalid, skipped }: { invalid: number; skipped: number }): void {
    if (invalid > 0)
      this.#recorder.event(
        endpoints,
        'Warning',
        'InvalidIPAddress',
        `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
      );
    if (skipped > invalid)
      this.#recorder.event(
        endpoints,
        'Warning',
        'TooManyAddressesToMirror',
        `A max of ${MAX_MIRRORED} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
      );
  }

  async #delete(key: string, { metadata: { name, namespace } }: Slice): Promise<void> {
    try {
      await this.#client(key).delete(name, { namespace: namespace! });
      this.#await(key, name, 'deleted');
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  #await(key: string, name: string, what: 'created' | 'deleted'): void {
    const { workspace, namespace } = splitKey(key);
    const shown = this.#slices.get(makeKey(workspace, namespace, name)) !== undefined;
    this.#awaited.expect(key, name, what, shown);
  }

  #client(key: string) {
    return this.#context.client.in(splitKey(key).workspace).resource<Slice>(ENDPOINT_SLICES);
  }
}

function hasSelector(service: corev1.Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0;
}

/** The Endpoints, and the service, that a slice of this controller is made of. */
function ownerKeyOf(slice: Slice): string | undefined {
  const { labels = {}, namespace = '' } = slice.metadata;
  const service = labels[SERVICE_NAME];
  if (service === undefined || labels[MANAGED_BY] !== MIRROR_MANAGER) return undefined;
  return makeKey(workspaceOf(slice), namespace, service);
}
