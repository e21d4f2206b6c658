import { join } from 'node:path';
import { OrreryError } from '../../base/index.ts';
import type { ContainerSecurity, ImageConfig } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';

export interface ContainerIdentity {
  /** `uid`, `uid:gid`, or what the image says. */
  user?: string;
  supplementalGroups: number[];
}

/** Who the container's process is. https://kubernetes.io/docs/tasks/configure-pod-container/security-context/ */
export function containerIdentity(
  pod: corev1.Pod,
  container: corev1.Container,
  image: ImageConfig,
): ContainerIdentity {
  const podContext = pod.spec.securityContext;
  const uid = container.securityContext?.runAsUser ?? podContext?.runAsUser;
  const gid = container.securityContext?.runAsGroup ?? podContext?.runAsGroup;
  const imageUser = image.User?.split(':')[0] || '0';
  const supplementalGroups = [...(podContext?.supplementalGroups ?? [])];
  if (podContext?.fsGroup !== undefined) supplementalGroups.push(podContext.fsGroup);
  if (gid !== undefined) return { user: `${uid ?? imageUser}:${gid}`, supplementalGroups };
  return { ...(uid !== undefined && { user: String(uid) }), supplementalGroups };
}

/** @throws OrreryError `RunAsNonRoot` with the kubelet's sentence (pkg/kubelet/kuberuntime/security_context.go). */
export function verifyRunAsNonRoot(pod: corev1.Pod, container: corev1.Container, image: ImageConfig): void {
  const podContext = pod.spec.securityContext;
  const context = container.securityContext;
  if (!(context?.runAsNonRoot ?? podContext?.runAsNonRoot)) return;
  const { name, namespace, uid } = pod.metadata;
  const where = `(pod: "${name}_${namespace}(${uid})", container: ${container.name})`;
  const refuse = (why: string) => {
    throw new OrreryError('RunAsNonRoot', `${why} ${where}`);
  };
  const runAsUser = context?.runAsUser ?? podContext?.runAsUser;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) refuse("container's runAsUser breaks non-root policy");
    return;
  }
  const imageUser = image.User?.split(':')[0] ?? '';
  if (imageUser === '' || imageUser === '0') refuse('container has runAsNonRoot and image will run as root');
  if (!/^\d+$/.test(imageUser))
    refuse(
      `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`,
    );
}

/** What the process may do. A seccomp profile that is not named is the engine's own, as in Docker and Podman. */
export function containerSecurity(
  pod: corev1.Pod,
  container: corev1.Container,
  seccompDirectory: string,
): ContainerSecurity {
  const context = container.securityContext;
  const privileged = context?.privileged === true;
  return {
    privileged,
    readOnlyRootFilesystem: context?.readOnlyRootFilesystem === true,
    noNewPrivileges: context?.allowPrivilegeEscalation === false,
    capAdd: (context?.capabilities?.add ?? []).map(capability),
    capDrop: (context?.capabilities?.drop ?? []).map(capability),
    seccomp: privileged ? 'unconfined' : seccomp(pod, container, seccompDirectory),
    unmaskProc: context?.procMount === 'Unmasked',
  };
}

function seccomp(
  pod: corev1.Pod,
  container: corev1.Container,
  directory: string,
): NonNullable<ContainerSecurity['seccomp']> {
  const profile = container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  if (profile?.type === 'Unconfined') return 'unconfined';
  if (profile?.type === 'Localhost') return { profilePath: join(directory, profile.localhostProfile ?? '') };
  return 'default';
}

/** `NET_ADMIN` and `CAP_NET_ADMIN` are the same; ALL stays. */
function capability(name: string): string {
  const upper = name.toUpperCase();
  return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
