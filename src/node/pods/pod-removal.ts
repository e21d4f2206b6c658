import { rm } from 'node:fs/promises';
import type { corev1 } from '../../kube/index.ts';
import { removeFolderWithMounts } from '../volumes/mount-point.ts';
import type { ObservedContainer } from './engine-labels.ts';
import { isSidecar } from './pod-actions.ts';
import { PodFolder } from './pod-folder.ts';
import type { PodServices } from './pod-services.ts';

/**
 * Stops all that runs of a pod: the ordinary containers together, then the sidecars, the last one first, all
 * within one grace period.
 */
export async function stopContainers(
  services: PodServices,
  pod: corev1.Pod,
  podIP: string,
  graceSeconds: number,
): Promise<void> {
  const { clock, containers, stopper } = services;
  const deadlineMs = clock.now() + graceSeconds * 1000;
  const running = containers.of(pod.metadata.uid).filter(({ status }) => status === 'running');
  const sidecarNames = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name);
  const stop = async ({ id, name }: ObservedContainer) => {
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      (c) => c.name === name,
    );
    const left = Math.max(0, (deadlineMs - clock.now()) / 1000);
    const message = `Stopping container ${name}`;
    await stopper.stop({ pod, ...(container && { container }), id, podIP, graceSeconds: left, message });
  };
  await Promise.all(running.filter(({ name }) => !sidecarNames.includes(name)).map(stop));
  for (const name of sidecarNames.reverse()) {
    for (const sidecar of running.filter((container) => container.name === name)) await stop(sidecar);
  }
  await containers.refresh(pod.metadata.uid);
}

/** Takes away what a pod that has ended does not need any more: addresses and volumes. Its logs stay. */
export async function releaseGround(services: PodServices, pod: corev1.Pod): Promise<void> {
  const { uid } = pod.metadata;
  const folder = new PodFolder(services.nodeDirectory, uid);
  services.prober.forget(uid);
  services.objects.release(uid);
  services.tokens.forget(uid);
  services.images.forget(uid);
  await services.sandboxes.remove(uid, pod);
  await removeFolderWithMounts(folder.volumes);
}

/** Leaves nothing of a pod on this host. Works without its spec, for remains of pods that nobody knows. */
export async function removePod(services: PodServices, podUid: string, pod?: corev1.Pod): Promise<void> {
  const { containers, engine, nodeDirectory, sandboxes } = services;
  await containers.refresh(podUid);
  for (const { id } of containers.of(podUid)) {
    await engine.remove(id, { force: true });
    containers.remove(podUid, id);
  }
  if (pod !== undefined) await releaseGround(services, pod);
  else await sandboxes.remove(podUid);
  const folder = new PodFolder(nodeDirectory, podUid);
  // First what makes this process, or its successor, believe in the pod.
  await rm(folder.checkpoint, { force: true });
  await removeFolderWithMounts(folder.path);
}
