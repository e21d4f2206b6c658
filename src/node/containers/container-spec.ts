import type { ContainerMount, ContainerSpec, Image } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { expand } from '../environment/expansion.ts';
import { containerHash, labelNames, managedBy } from '../pods/engine-labels.ts';
import { containerResources } from './container-resources.ts';
import { containerIdentity, containerSecurity } from './container-security.ts';

/** What a container of the engine is made from, all of it found out before. */
export interface ContainerPlan {
  pod: corev1.Pod;
  container: corev1.Container;
  image: Image;
  restartCount: number;
  backOffMs: number;
  pidNamespaceOf?: string;
  environment: Record<string, string>;
  mounts: ContainerMount[];
  /** Pinned namespace, or 'host'. */
  network: string;
  hostname: string;
  cgroupParent: string;
  logPath: string;
  terminationMessageFile: string;
  nodeMemoryBytes: number;
  seccompDirectory: string;
}

export const defaultTerminationMessagePath = '/dev/termination-log';

/** The engine's view of one incarnation of a container: pure. */
export function containerSpec(plan: ContainerPlan): ContainerSpec {
  const { pod, container, environment } = plan;
  const lookup = (name: string) => environment[name];
  const identity = containerIdentity(pod, container, plan.image.config);
  const sysctls = Object.fromEntries(
    (pod.spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
  );
  return {
    name: `${pod.metadata.uid}-${container.name}-${plan.restartCount}`,
    image: container.image ?? '',
    ...(container.command?.length && { command: container.command.map((word) => expand(word, lookup)) }),
    ...(container.args?.length && { args: container.args.map((word) => expand(word, lookup)) }),
    env: { HOSTNAME: plan.hostname, ...environment },
    ...(container.workingDir && { workingDir: container.workingDir }),
    ...(identity.user !== undefined && { user: identity.user }),
    supplementalGroups: identity.supplementalGroups,
    // On the host's network a container keeps the host's name.
    ...(plan.network !== 'host' && { hostname: plan.hostname }),
    mounts: [
      ...plan.mounts,
      {
        type: 'bind',
        source: plan.terminationMessageFile,
        destination: container.terminationMessagePath || defaultTerminationMessagePath,
      },
    ],
    network: plan.network,
    hostPid: pod.spec.hostPID === true,
    hostIpc: pod.spec.hostIPC === true,
    ...(plan.pidNamespaceOf !== undefined && { pidNamespaceOf: plan.pidNamespaceOf }),
    tty: container.tty === true,
    stdin: container.stdin === true,
    ...(container.stdinOnce && { stdinOnce: true }),
    labels: labelsOf(plan),
    resources: containerResources(pod, container, plan.nodeMemoryBytes),
    security: containerSecurity(pod, container, plan.seccompDirectory),
    ...(Object.keys(sysctls).length > 0 && { sysctls }),
    cgroupParent: plan.cgroupParent,
    logPath: plan.logPath,
    ...(container.lifecycle?.stopSignal && { stopSignal: container.lifecycle.stopSignal }),
  };
}

function labelsOf(plan: ContainerPlan): Record<string, string> {
  const { pod, container } = plan;
  return {
    [labelNames.managedBy]: managedBy,
    [labelNames.podName]: pod.metadata.name,
    [labelNames.podNamespace]: pod.metadata.namespace ?? '',
    [labelNames.podUid]: pod.metadata.uid,
    [labelNames.containerName]: container.name,
    [labelNames.hash]: containerHash(container),
    [labelNames.restartCount]: String(plan.restartCount),
    [labelNames.backOffMs]: String(plan.backOffMs),
    [labelNames.terminationMessageFile]: plan.terminationMessageFile,
    [labelNames.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
  };
}
