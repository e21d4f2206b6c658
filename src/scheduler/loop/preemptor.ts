import { type Clock, type Log, messageOf, NotFound } from '../../base/index.ts';
import { type Client, type EventRecorder, PODS, workspaceOf } from '../../client/index.ts';
import { type corev1, observedSpecOf, podCondition } from '../../kube/index.ts';
import type { PodFacts } from '../core/index.ts';

export interface PreemptorOptions {
  client: Client;
  recorder: EventRecorder;
  clock: Clock;
  log: Log;
}

/**
 * Lets pods go so that a more important one finds room: each is told why (condition DisruptionTarget), deleted
 * with its grace period, and an event says by whom.
 *
 * @see k8s.io/kubernetes/pkg/scheduler/framework/preemption prepareCandidate
 */
export class Preemptor {
  readonly #options: PreemptorOptions;

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  /** @returns whether all of them go; what failed is logged, and the pod tries again. */
  async makeRoom(preemptor: corev1.Pod, nodeName: string, victims: readonly PodFacts[]): Promise<boolean> {
    const going = await Promise.all(
      victims
        .filter(({ terminating }) => !terminating)
        .map(({ pod }) => this.#letGo(preemptor, nodeName, pod)),
    );
    return going.every(Boolean);
  }

  async #letGo(preemptor: corev1.Pod, nodeName: string, victim: corev1.Pod): Promise<boolean> {
    const { clock, client, log, recorder } = this.#options;
    const { name, namespace, uid } = victim.metadata;
    const pods = client.in(workspaceOf(victim)).resource<corev1.Pod>(PODS);
    const time = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z');
    const known = podCondition(victim, 'DisruptionTarget');
    const condition = {
      type: 'DisruptionTarget',
      ...observedSpecOf(victim),
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${preemptor.spec.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: known?.status === 'True' ? (known.lastTransitionTime ?? time) : time,
    };
    try {
      await pods.patch(
        name,
        { type: 'strategic', body: { metadata: { uid }, status: { conditions: [condition] } } },
        { namespace: namespace!, subresource: 'status' },
      );
      await pods.delete(name, { namespace: namespace!, preconditions: { uid } });
    } catch (error) {
      if (error instanceof NotFound) return true; // Gone already: the room is there.
      log.warn('cannot preempt', { pod: `${namespace}/${name}`, why: messageOf(error) });
      return false;
    }
    recorder.event(
      victim,
      'Normal',
      'Preempted',
      `Preempted by pod ${preemptor.metadata.uid} on node ${nodeName}`,
    );
    return true;
  }
}
