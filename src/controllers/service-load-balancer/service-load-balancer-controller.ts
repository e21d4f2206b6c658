import { NotFound } from '../../base/index.ts';
import {
  Controller,
  type EventRecorder,
  type Informer,
  keyOf,
  NODES,
  SERVICES,
  workspaceOf,
} from '../../client/index.ts';
import { type corev1, type KubeObject, semanticallyEqual } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { isOurs, nodeAddresses, planLoadBalancer } from './load-balancer-plan.ts';

/**
 * Answers services of type LoadBalancer with the addresses of the nodes, as k3s' ServiceLB: every node
 * forwards the service's ports (the node's service rules do that part).
 */
export class ServiceLoadBalancerController implements RunnableController {
  readonly name = 'service-lb-controller';
  readonly #context: ControllerContext;
  readonly #services: Informer<corev1.Service>;
  readonly #nodes: Informer<corev1.Node>;
  readonly #recorder: EventRecorder;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer<corev1.Service>(SERVICES);
    this.#nodes = context.informers.informer<corev1.Node>(NODES);
    this.#recorder = context.recorder.for(this.name);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      // One at a time: two services must not both see a port free.
      workers: 1,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#services.addHandler({
      onAdd: (service) => concernsUs(service) && queue.add(keyOf(service)),
      onUpdate: (service, old) => {
        if (concernsUs(service) || concernsUs(old)) queue.add(keyOf(service));
        if (isOurs(old) && !semanticallyEqual(service.spec, old.spec)) this.#addAll();
      },
      // A port that became free may be what another waits for.
      onDelete: (service) => service.spec.type === 'LoadBalancer' && this.#addAll(),
    });
    this.#nodes.addHandler({
      onAdd: () => this.#addAll(),
      onUpdate: (node, old) =>
        !semanticallyEqual(nodeAddresses([node]), nodeAddresses([old])) && this.#addAll(),
      onDelete: () => this.#addAll(),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#services, this.#nodes)) await this.#controller.run(signal);
  }

  #addAll(): void {
    for (const service of this.#services.list())
      if (concernsUs(service)) this.#controller.queue.add(keyOf(service));
  }

  async #reconcile(key: string): Promise<undefined> {
    const service = this.#services.get(key);
    if (service === undefined) return;
    if (!isOurs(service)) {
      if (service.spec.type !== 'LoadBalancer') await this.#write(service, []);
      return;
    }
    // Services of other workspaces are nothing this one's users may hear of, and their nodes are not its own.
    const workspace = workspaceOf(service);
    const isHere = (object: KubeObject) => workspaceOf(object) === workspace;
    const addresses = nodeAddresses(this.#nodes.list().filter(isHere));
    const plan = planLoadBalancer(service, this.#services.list().filter(isHere), addresses);
    if (plan.kind === 'serve') {
      await this.#write(service, plan.addresses);
      return;
    }
    const message = `Port ${plan.port} is in use by the LoadBalancer service ${plan.holder}; waiting until it is free`;
    this.#recorder.event(service, 'Warning', 'PortConflict', message);
    await this.#write(service, []);
  }

  async #write(service: corev1.Service, addresses: readonly string[]): Promise<void> {
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' }));
    if (semanticallyEqual(service.status?.loadBalancer?.ingress, ingress)) return;
    const status = { ...service.status, loadBalancer: ingress.length === 0 ? {} : { ingress } };
    try {
      await this.#context.client
        .in(workspaceOf(service))
        .resource<corev1.Service>(SERVICES)
        .updateStatus({ ...service, status });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

/** Ours, or not any more but still with the addresses it got from us. */
function concernsUs(service: corev1.Service): boolean {
  return service.spec.type === 'LoadBalancer' || (service.status?.loadBalancer?.ingress ?? []).length > 0;
}
