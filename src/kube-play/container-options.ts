import type { Image } from '../engine/index.ts';
import { type corev1, parseQuantity } from '../kube/index.ts';
import type { CreateOptions, HostConfig, Mount } from '../libpod/index.ts';
import { containerSpec, verifyRunAsNonRoot } from '../node/index.ts';
import { livenessCheck } from './liveness.ts';
import type { PlayedPod } from './played-pods.ts';

export interface PlayedContainer {
  container: corev1.Container;
  podId: string;
  image: Image;
  environment: Record<string, string>;
  mounts: Mount[];
  isInit: boolean;
  logDriver?: string;
  logOptions?: Record<string, string>;
  seccompRoot: string;
}

const RESTART_POLICIES = { Always: 'always', OnFailure: 'on-failure', Never: 'no' } as const;

/**
 * The create body of one container of a pod. What the container is, is found out by the node's own
 * translation (`containerSpec`); here it is only said in Docker's words.
 *
 * @throws OrreryError RunAsNonRoot
 */
export function containerOptions(played: PlayedPod, plan: PlayedContainer): CreateOptions {
  const { pod } = played;
  const { container } = plan;
  verifyRunAsNonRoot(pod, container, plan.image.config);
  const spec = containerSpec({
    pod,
    container,
    image: plan.image,
    restartCount: 0,
    backOffMs: 0,
    environment: plan.environment,
    mounts: [],
    network: '',
    hostname: '',
    cgroupParent: '',
    logPath: '',
    terminationMessageFile: '',
    // Only for the OOM score, which is not set here: nothing is evicted on one host.
    nodeMemoryBytes: 1,
    seccompDirectory: plan.seccompRoot,
  });
  const check = plan.isInit ? undefined : livenessCheck(container);
  const policy = plan.isInit ? 'no' : RESTART_POLICIES[(pod.spec.restartPolicy ?? 'Always') as 'Always'];
  const graceSeconds = played.given.spec.terminationGracePeriodSeconds;
  return {
    Name: `${pod.metadata.name}-${container.name}`,
    Config: {
      Image: plan.image.references[0] ?? plan.image.id,
      Env: Object.entries(plan.environment).map(([name, value]) => `${name}=${value}`),
      ...(spec.command && { Entrypoint: spec.command, Cmd: spec.args ?? [] }),
      ...(!spec.command && spec.args && { Cmd: spec.args }),
      ...(spec.workingDir && { WorkingDir: spec.workingDir }),
      ...(spec.user !== undefined && { User: spec.user }),
      Tty: spec.tty,
      OpenStdin: spec.stdin,
      ...(spec.stdinOnce && { StdinOnce: true }),
      Labels: { ...pod.metadata.labels },
      ...(spec.stopSignal && { StopSignal: spec.stopSignal }),
      ...(graceSeconds !== undefined && { StopTimeout: graceSeconds }),
      ...(check && { Healthcheck: check }),
    },
    HostConfig: {
      RestartPolicy: { Name: policy },
      Mounts: plan.mounts,
      Annotations: { ...pod.metadata.annotations },
      GroupAdd: (spec.supplementalGroups ?? []).map(String),
      ...security(pod, container, spec.security),
      ...resources(container, spec.resources),
      ...(pod.spec.hostPID && { PidMode: 'host' }),
      ...(pod.spec.hostIPC && { IpcMode: 'host' }),
      ...logging(plan),
    },
    Podman: {
      Pod: plan.podId,
      ...(plan.isInit && { InitContainerType: initType(pod) }),
      ...(check && { HealthOnFailure: policy === 'no' ? 'kill' : 'restart' }),
    },
  };
}

function security(
  pod: corev1.Pod,
  container: corev1.Container,
  found: ReturnType<typeof containerSpec>['security'],
): Partial<HostConfig> {
  const labels = container.securityContext?.seLinuxOptions ?? pod.spec.securityContext?.seLinuxOptions;
  const options = [
    ...(['user', 'role', 'type', 'level'] as const).flatMap((key) =>
      labels?.[key] ? [`label=${key}:${labels[key]}`] : [],
    ),
    ...(found.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(found.seccomp === 'unconfined' && !found.privileged ? ['seccomp=unconfined'] : []),
    ...(typeof found.seccomp === 'object' ? [`seccomp=${found.seccomp.profilePath}`] : []),
    ...(found.unmaskProc ? ['unmask=ALL'] : []),
  ];
  return {
    Privileged: found.privileged === true,
    ReadonlyRootfs: found.readOnlyRootFilesystem === true,
    ...(found.capAdd?.length && { CapAdd: found.capAdd }),
    ...(found.capDrop?.length && { CapDrop: found.capDrop }),
    ...(options.length > 0 && { SecurityOpt: options }),
  };
}

/** A request that was not made is no request: on one host nothing has to be shared out. */
function resources(
  container: corev1.Container,
  found: ReturnType<typeof containerSpec>['resources'],
): Partial<HostConfig> {
  const { requests, limits } = container.resources ?? {};
  const saysCpu = requests?.cpu !== undefined || limits?.cpu !== undefined;
  const reservation = requests?.memory;
  return {
    ...(saysCpu && found.cpuShares !== undefined && { CpuShares: found.cpuShares }),
    ...(found.cpuQuotaUs !== undefined && { CpuQuota: found.cpuQuotaUs, CpuPeriod: found.cpuPeriodUs! }),
    ...(found.memoryLimitBytes !== undefined && { Memory: found.memoryLimitBytes }),
    ...(reservation !== undefined && { MemoryReservation: parseQuantity(reservation).value() }),
  };
}

function logging(plan: PlayedContainer): Partial<HostConfig> {
  if (plan.logDriver === undefined && plan.logOptions === undefined) return {};
  return {
    LogConfig: {
      ...(plan.logDriver !== undefined && { Type: plan.logDriver }),
      ...(plan.logOptions !== undefined && { Config: plan.logOptions }),
    },
  };
}

function initType(pod: corev1.Pod): 'always' | 'once' {
  return pod.metadata.annotations?.['io.podman.annotations.init.container.type'] === 'always'
    ? 'always'
    : 'once';
}
