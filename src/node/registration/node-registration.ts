import { AlreadyExists, type Clock, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, type EventRecorder, NODES } from '../../client/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type HostFacts, readHostFacts } from './host-facts.ts';
import { conditionEvent, type NodeIdentity, nodeLabels, nodeStatus } from './node-status.ts';

export interface NodeRegistrationOptions {
  identity: NodeIdentity;
  client: Client;
  engine: Engine;
  events: EventRecorder;
  clock: Clock;
  log: Log;
  directory: string;
  serverPort: number;
  /** Why containers cannot run here; undefined when they can. Asked at every look. */
  problem(): Promise<string | undefined>;
}

const lookEveryMs = 10_000;
const reportEveryMs = 5 * 60_000;
const retryMs = [50, 100, 250, 500, 1_000, 2_000, 5_000];

/**
 * Keeps the Node object of this machine: makes it, and writes its status when something changes, at the
 * latest every five minutes. A node that somebody deleted is made again.
 */
export class NodeRegistration {
  readonly #options: NodeRegistrationOptions;
  readonly #registered = Promise.withResolvers<corev1.Node>();
  #shown: corev1.NodeStatus | undefined;
  #shownAtMs = 0;
  #node: corev1.Node | undefined;

  constructor(options: NodeRegistrationOptions) {
    this.#options = options;
  }

  /** Resolves when the node and its first status are in the API. */
  registered(): Promise<corev1.Node> {
    return this.#registered.promise;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = lookEveryMs;
      try {
        await this.#look();
        failures = 0;
      } catch (error) {
        waitMs = retryMs[Math.min(failures++, retryMs.length - 1)]!;
        const say = failures > 3 ? 'warn' : 'debug';
        log[say]('cannot report the node, trying again', { why: messageOf(error), delayMs: waitMs });
      }
      // Rejects only because of the signal, which ends the loop.
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { clock, directory, engine, identity, problem, serverPort } = this.#options;
    const [host, images, trouble] = await Promise.all([
      readHostFacts(directory),
      engine.images.list(),
      problem(),
    ]);
    const node = this.#node ?? (await this.#register(host));
    const status = nodeStatus({
      identity,
      host,
      images,
      serverPort,
      ...(trouble !== undefined && { problem: trouble }),
      before: this.#shown?.conditions ?? node.status?.conditions ?? [],
      nowMs: clock.now(),
    });
    const isDue = clock.now() - this.#shownAtMs >= reportEveryMs;
    if (!isDue && this.#shown !== undefined && essence(this.#shown) === essence(status)) return;
    await this.#report(node, status);
  }

  async #register(host: HostFacts): Promise<corev1.Node> {
    const { client, clock, events, identity, log } = this.#options;
    const nodes = client.resource<corev1.Node>(NODES);
    const labels = nodeLabels(identity, host);
    let node: corev1.Node;
    try {
      node = await nodes.create({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: identity.name, labels },
        spec: {},
        // Ready from the first moment, if it is: nobody has to wait for a second write.
        status: nodeStatus({
          identity,
          host,
          images: [],
          serverPort: this.#options.serverPort,
          ...problemOf(await this.#options.problem()),
          nowMs: clock.now(),
        }),
      });
      log.info('node registered', { node: identity.name });
    } catch (error) {
      if (!(error instanceof AlreadyExists)) throw error;
      node = await nodes.patch(identity.name, { type: 'merge', body: { metadata: { labels } } });
      const before = node.status?.nodeInfo?.bootID;
      if (before && before !== host.bootId) {
        const message = `Node ${identity.name} has been rebooted, boot id: ${host.bootId}`;
        events.event(this.#reference(), 'Warning', 'Rebooted', message);
      }
    }
    this.#node = node;
    events.event(this.#reference(), 'Normal', 'Starting', 'Starting kubelet.');
    return node;
  }

  async #report(node: corev1.Node, status: corev1.NodeStatus): Promise<void> {
    const { client, clock, events, identity } = this.#options;
    try {
      const body = { metadata: { uid: node.metadata.uid }, status };
      const patch = { type: 'strategic', body } as const;
      await client.resource<corev1.Node>(NODES).patch(identity.name, patch, { subresource: 'status' });
    } catch (error) {
      if (error instanceof NotFound) this.#node = undefined;
      throw error;
    }
    for (const condition of status.conditions ?? []) {
      const old = this.#shown?.conditions?.find(({ type }) => type === condition.type);
      const reason = conditionEvent(condition);
      if (old?.status === condition.status || reason === undefined) continue;
      events.event(this.#reference(), 'Normal', reason, `Node ${identity.name} status is now: ${reason}`);
    }
    this.#shown = status;
    this.#shownAtMs = clock.now();
    this.#registered.resolve(node);
  }

  /** Node events carry the node's name where the uid belongs, as the kubelet's do: so kubectl finds them. */
  #reference(): corev1.Node {
    const { name } = this.#options.identity;
    const metadata = { name, uid: name, resourceVersion: '', creationTimestamp: '' };
    return { apiVersion: 'v1', kind: 'Node', metadata, spec: {} };
  }
}

function problemOf(problem: string | undefined): { problem?: string } {
  return problem === undefined ? {} : { problem };
}

/** A status without what changes by itself all the time. */
function essence(status: corev1.NodeStatus): string {
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition);
  return JSON.stringify({ ...status, conditions });
}
