import {
  Controller,
  ENDPOINT_SLICES,
  ENDPOINTS,
  type EventRecorder,
  type Informer,
  keyOf,
  SERVICES,
} from '../../client/index.ts';
import type { corev1, discoveryv1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { OwnSlices } from '../endpointslice/own-slices.ts';
import { isMirrored, MAX_MIRRORED, MIRROR_MANAGER, planMirror } from './mirror-plan.ts';

type Slice = discoveryv1.EndpointSlice;

/**
 * Makes EndpointSlices of Endpoints that people write for services without a selector, so that whoever follows slices
 * alone (the service rules of the nodes) finds them. Source: k8s.io/kubernetes/pkg/controller/endpointslicemirroring.
 */
export class EndpointSliceMirroringController implements RunnableController {
  readonly name = 'endpoint-slice-mirroring-controller';
  readonly #recorder: EventRecorder;
  readonly #services: Informer<corev1.Service>;
  readonly #endpoints: Informer<corev1.Endpoints>;
  readonly #slices: Informer<Slice>;
  readonly #controller: Controller;
  readonly #own: OwnSlices;

  constructor(context: ControllerContext) {
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
    this.#own = new OwnSlices({
      client: context.client,
      slices: this.#slices,
      manager: MIRROR_MANAGER,
      changed: (key) => this.#controller.queue.add(key),
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
  }

  async #reconcile(key: string): Promise<undefined> {
    // The slice that is awaited brings this key back when the cache shows it.
    if (this.#own.isBehind(key)) return;
    const endpoints = this.#endpoints.get(key);
    const service = this.#services.get(key);
    const existing = this.#own.of(key);
    if (endpoints === undefined || service === undefined || hasSelector(service) || !isMirrored(endpoints)) {
      for (const slice of existing) await this.#own.delete(key, slice);
      return;
    }
    const plan = planMirror(endpoints, existing);
    this.#tell(endpoints, plan);
    if (endpoints.metadata.deletionTimestamp === undefined)
      for (const draft of plan.create) await this.#own.create(key, draft);
    for (const slice of plan.update) await this.#own.update(key, slice);
    for (const slice of plan.delete) await this.#own.delete(key, slice);
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
}

function hasSelector(service: corev1.Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0;
}
