import { type Clock, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, Informer, NODES } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';

const LABEL = 'node-role.kubernetes.io/control-plane';

export interface NodeRoleOptions {
  /** May list and watch nodes. */
  client: Client;
  /** May patch them. */
  writer: Client;
  clock: Clock;
  log: Log;
  /** The node of the machine that this server runs on. */
  nodeName: string;
}

/**
 * Shows that a server runs on a node (`kubectl get nodes`, ROLES). A node may not say so of itself: NodeRestriction
 * keeps it from labels that draw pods. Unlike the controllers this is each server's own to do, leader or not.
 */
export async function labelOwnNode(options: NodeRoleOptions, signal: AbortSignal): Promise<void> {
  const { client, clock, log, nodeName } = options;
  const informer = new Informer<corev1.Node>({
    client,
    resource: NODES,
    fieldSelector: `metadata.name=${nodeName}`,
    clock,
    log,
  });
  const look = (node: corev1.Node) => {
    if (node.metadata.labels?.[LABEL] === undefined) void label(options);
  };
  informer.addHandler({ onAdd: look, onUpdate: look });
  await informer.run(signal);
}

/** Never rejects: the node's next heartbeat is the next try. */
async function label({ writer, log, nodeName }: NodeRoleOptions): Promise<void> {
  const body = { metadata: { labels: { [LABEL]: 'true' } } };
  try {
    await writer.resource<corev1.Node>(NODES).patch(nodeName, { type: 'merge', body });
  } catch (error) {
    if (!(error instanceof NotFound))
      log.warn('cannot label the node', { node: nodeName, why: messageOf(error) });
  }
}
