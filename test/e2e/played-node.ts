import { NotFound, silentLog, systemClock } from '../../src/base/index.ts';
import { type Client, Informer, PODS } from '../../src/client/index.ts';
import type { corev1 } from '../../src/kube/index.ts';

export interface PlayedNode {
  stop(): Promise<void>;
}

let addresses = 0;

/** A kubelet that runs nothing: bound pods run and are Ready, or have the status that `statusOf` says; deleted ones go. */
export function playNode(client: Client, statusOf: (pod: corev1.Pod) => object | undefined): PlayedNode {
  const stop = new AbortController();
  const pods = client.resource<corev1.Pod>(PODS);
  const informer = new Informer<corev1.Pod>({ client, resource: PODS, clock: systemClock, log: silentLog });
  const act = async (pod: corev1.Pod) => {
    const { name, namespace, uid, deletionTimestamp } = pod.metadata;
    try {
      if (deletionTimestamp !== undefined)
        await pods.delete(name, { namespace: namespace!, gracePeriodSeconds: 0, preconditions: { uid } });
      else if (pod.spec.nodeName && pod.status?.podIP === undefined)
        await pods.patch(
          name,
          { type: 'merge', body: { status: { ...addressed(), ...(statusOf(pod) ?? running()) } } },
          { namespace: namespace!, subresource: 'status' },
        );
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  };
  const acts: Promise<void>[] = [];
  informer.addHandler({ onAdd: (pod) => acts.push(act(pod)), onUpdate: (pod) => acts.push(act(pod)) });
  const run = informer.run(stop.signal);
  return {
    async stop() {
      stop.abort();
      await run;
      await Promise.all(acts);
    },
  };
}

function addressed(): object {
  const podIP = `10.42.0.${++addresses % 250}`;
  return { podIP, podIPs: [{ ip: podIP }] };
}

/** The pod runs and is Ready. */
export function running(): object {
  const lastTransitionTime = new Date().toISOString();
  return { phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] };
}

/** The only container has ended with this code. */
export function ended(pod: corev1.Pod, exitCode: number): object {
  const at = new Date().toISOString();
  const state = { terminated: { exitCode, startedAt: at, finishedAt: at } };
  const { name, image = '' } = pod.spec.containers[0]!;
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatuses: [{ name, image, imageID: '', ready: false, restartCount: 0, state }],
  };
}
