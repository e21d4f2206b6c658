import { randomInt } from 'node:crypto';
import type { corev1 } from '../kube/index.ts';

/** A Service of type NodePort for the ports of a generated pod; node ports are made up, as Podman does. */
export function generatedService(pod: corev1.Pod): object {
  const used = new Set<number>();
  const { annotations: _, ...metadata } = pod.metadata;
  const ports = pod.spec.containers.flatMap(({ ports: declared }) => declared ?? []);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: {
      type: 'NodePort',
      selector: { app: pod.metadata.labels?.app ?? '' },
      ports: ports.map(({ containerPort, protocol }) => ({
        name: String(containerPort),
        port: containerPort,
        targetPort: containerPort,
        nodePort: freeNodePort(used),
        ...(protocol !== undefined && { protocol }),
      })),
    },
  };
}

function freeNodePort(used: Set<number>): number {
  for (;;) {
    const port = randomInt(30_000, 32_768);
    if (used.has(port)) continue;
    used.add(port);
    return port;
  }
}
