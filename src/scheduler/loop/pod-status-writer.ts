import { type Clock, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, PODS, workspaceOf } from '../../client/index.ts';
import { type corev1, observedSpecOf, podCondition } from '../../kube/index.ts';

/** Writes what the scheduler has to say into the status of pods that wait; what fails is said again at the next try. */
export class PodStatusWriter {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #log: Log;

  constructor(options: { client: Client; clock: Clock; log: Log }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** The condition PodScheduled, and the node that room is made on, if any. */
  async tellUnschedulable(pod: corev1.Pod, message: string, nominated: string | undefined): Promise<void> {
    const known = podCondition(pod, 'PodScheduled');
    const isSaid =
      known?.status === 'False' &&
      known.reason === 'Unschedulable' &&
      known.message === message &&
      known.observedGeneration === pod.metadata.generation;
    const isSame = (pod.status?.nominatedNodeName || undefined) === nominated;
    if (isSaid && isSame) return;
    const time = new Date(this.#clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const condition = {
      type: 'PodScheduled',
      ...observedSpecOf(pod),
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? time) : time,
    };
    await this.#patch(pod, {
      conditions: [condition],
      ...(!isSame && { nominatedNodeName: nominated ?? null }),
    });
  }

  async clearNomination(pod: corev1.Pod): Promise<void> {
    await this.#patch(pod, { nominatedNodeName: null });
  }

  async #patch(pod: corev1.Pod, status: object): Promise<void> {
    const { name, namespace, uid } = pod.metadata;
    try {
      await this.#client
        .in(workspaceOf(pod))
        .resource<corev1.Pod>(PODS)
        .patch(
          name,
          { type: 'strategic', body: { metadata: { uid }, status } },
          { namespace: namespace!, subresource: 'status' },
        );
    } catch (error) {
      if (!(error instanceof NotFound))
        this.#log.warn('cannot write the status of a pod that waits', {
          pod: `${namespace}/${name}`,
          why: messageOf(error),
        });
    }
  }
}
