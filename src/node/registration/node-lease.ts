import { AlreadyExists, type Clock, Conflict, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, LEASES, microTime } from '../../client/index.ts';
import type { coordinationv1, corev1 } from '../../kube/index.ts';

const namespace = 'kube-node-lease';
const renewEveryMs = 10_000;
const retryEveryMs = 500;
const leaseDurationSeconds = 40;

export interface NodeLeaseOptions {
  client: Client;
  clock: Clock;
  log: Log;
}

/**
 * The node's heartbeat: a Lease in kube-node-lease, renewed every ten seconds.
 * https://kubernetes.io/docs/concepts/architecture/nodes/#node-heartbeats
 */
export class NodeLease {
  readonly #options: NodeLeaseOptions;

  constructor(options: NodeLeaseOptions) {
    this.#options = options;
  }

  async run(node: corev1.Node, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lease: coordinationv1.Lease | undefined;
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = renewEveryMs;
      try {
        lease = await this.#renew(node, lease);
        failures = 0;
      } catch (error) {
        lease = undefined;
        // The namespace is made by a controller, a moment after the server's first start.
        const say = ++failures > 10 ? 'warn' : 'debug';
        log[say]('cannot renew the lease of the node', { why: messageOf(error) });
        waitMs = failures > 20 ? renewEveryMs : retryEveryMs;
      }
      // Rejects only because of the signal, which ends the loop.
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  async #renew(node: corev1.Node, known: coordinationv1.Lease | undefined): Promise<coordinationv1.Lease> {
    const { client, clock } = this.#options;
    const leases = client.resource<coordinationv1.Lease>(LEASES);
    const { name, uid } = node.metadata;
    const spec: coordinationv1.LeaseSpec = {
      holderIdentity: name,
      leaseDurationSeconds,
      renewTime: microTime(clock.now()),
    };
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name, uid }];
    try {
      const lease = known ?? (await leases.get(name, namespace));
      return await leases.update({
        ...lease,
        metadata: { ...lease.metadata, ownerReferences },
        spec: { ...lease.spec, ...spec },
      });
    } catch (error) {
      if (error instanceof Conflict) return await this.#renew(node, undefined);
      if (!(error instanceof NotFound)) throw error;
    }
    try {
      return await leases.create({ metadata: { name, namespace, ownerReferences }, spec });
    } catch (error) {
      if (error instanceof AlreadyExists) return await leases.get(name, namespace);
      throw error;
    }
  }
}
