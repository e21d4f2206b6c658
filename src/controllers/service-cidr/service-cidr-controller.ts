import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type Informer,
  IP_ADDRESSES,
  keyOf,
  namespaceKeyOf,
  SERVICE_CIDRS,
  workspaceOf,
} from '../../client/index.ts';
import type { KubeObject, networkingv1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, kubeTime, type RunnableController } from '../context.ts';
import { containsAddress, mayGo, networksOf, overlap } from './service-range-verdict.ts';

type Range = networkingv1.ServiceCIDR;
type Condition = NonNullable<NonNullable<Range['status']>['conditions']>[number];

const FINALIZER = 'networking.k8s.io/service-cidr-finalizer';
/** Until every server has seen that a range is going, one may give an address of it. */
const DELETION_GRACE_MS = 10_000;

const READY = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' };
const TERMINATING = {
  type: 'Ready',
  status: 'False',
  reason: 'Terminating',
  message:
    'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
};

/**
 * Says that a range of service addresses is ready, and holds it while services have addresses of it alone.
 * Source: k8s.io/kubernetes/pkg/controller/servicecidrs.
 */
export class ServiceCidrController implements RunnableController {
  readonly name = 'service-cidr-controller';
  readonly #context: ControllerContext;
  readonly #ranges: Informer<Range>;
  readonly #addresses: Informer<networkingv1.IPAddress>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#ranges = context.informers.informer<Range>(SERVICE_CIDRS);
    this.#addresses = context.informers.informer<networkingv1.IPAddress>(IP_ADDRESSES);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    const addOverlapping = (range: Range) => {
      for (const one of this.#beside(range)) if (overlap(one, range)) queue.add(keyOf(one));
    };
    this.#ranges.addHandler({
      onAdd: addOverlapping,
      onUpdate: (range) => queue.add(keyOf(range)),
      onDelete: addOverlapping,
    });
    // Addresses matter to ranges that are going, and those are few.
    const addHolders = (address: networkingv1.IPAddress) => {
      const { name } = address.metadata;
      for (const range of this.#beside(address))
        if (isGoing(range) && networksOf([range]).some((network) => containsAddress(network, name)))
          queue.add(keyOf(range));
    };
    this.#addresses.addHandler({ onAdd: addHolders, onDelete: addHolders });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#ranges, this.#addresses)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<number | undefined> {
    const range = this.#ranges.get(key);
    if (range === undefined) return undefined;
    try {
      if (!isGoing(range)) {
        const { finalizers = [] } = range.metadata;
        // Its event brings the range back, to be said ready.
        if (!finalizers.includes(FINALIZER)) await this.#setFinalizers(range, [...finalizers, FINALIZER]);
        else await this.#setReady(range, READY);
        return undefined;
      }
      return await this.#letGo(range);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      return undefined;
    }
  }

  /** Gives how long to wait still. */
  async #letGo(range: Range): Promise<number | undefined> {
    const { finalizers = [], deletionTimestamp } = range.metadata;
    if (!finalizers.includes(FINALIZER)) return undefined;
    const addresses = this.#addresses.byIndex('namespace', namespaceKeyOf(range));
    if (!mayGo(range, this.#beside(range), addresses)) {
      await this.#setReady(range, TERMINATING);
      return undefined;
    }
    const leftMs = Date.parse(deletionTimestamp!) + DELETION_GRACE_MS - this.#context.clock.now();
    if (leftMs > 0) return leftMs;
    await this.#setFinalizers(
      range,
      finalizers.filter((finalizer) => finalizer !== FINALIZER),
    );
    return undefined;
  }

  async #setFinalizers(range: Range, finalizers: string[]): Promise<void> {
    await this.#client(range).update({ ...range, metadata: { ...range.metadata, finalizers } });
  }

  async #setReady(range: Range, wanted: Omit<Condition, 'lastTransitionTime'>): Promise<void> {
    const conditions = range.status?.conditions ?? [];
    const current = conditions.find(({ type }) => type === wanted.type);
    if (current?.status === wanted.status && current.message === wanted.message) return;
    const lastTransitionTime =
      current?.status === wanted.status ? current.lastTransitionTime : kubeTime(this.#context.clock.now());
    const others = conditions.filter(({ type }) => type !== wanted.type);
    const status = { conditions: [...others, { ...wanted, lastTransitionTime }] };
    await this.#client(range).updateStatus({ ...range, status });
  }

  /** The ranges of the workspace that an object lies in. */
  #beside(object: KubeObject): Range[] {
    return this.#ranges.byIndex('namespace', `${workspaceOf(object)}|`);
  }

  #client(range: Range) {
    return this.#context.client.in(workspaceOf(range)).resource<Range>(SERVICE_CIDRS);
  }
}

function isGoing({ metadata }: Range): boolean {
  return metadata.deletionTimestamp !== undefined;
}
