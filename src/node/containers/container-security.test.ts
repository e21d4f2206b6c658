import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { containerIdentity, containerSecurity, verifyRunAsNonRoot } from './container-security.ts';

function podOf(securityContext?: corev1.PodSecurityContext): corev1.Pod {
  return { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: { securityContext } } as corev1.Pod;
}

const container = (securityContext?: corev1.SecurityContext): corev1.Container => ({
  name: 'a',
  ...(securityContext && { securityContext }),
});

test('the container’s identity wins over the pod’s, that over the image’s', () => {
  const pod = podOf({ runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000, supplementalGroups: [4000] });
  expect(containerIdentity(pod, container({ runAsUser: 7 }), {})).toEqual({
    user: '7:2000',
    supplementalGroups: [4000, 3000],
  });
  expect(containerIdentity(podOf({ runAsGroup: 5 }), container(), { User: 'app:app' })).toEqual({
    user: 'app:5',
    supplementalGroups: [],
  });
  expect(containerIdentity(podOf(), container(), { User: 'app' })).toEqual({ supplementalGroups: [] });
});

test('runAsNonRoot refuses root with the kubelet’s sentences', () => {
  const check = (context: corev1.SecurityContext, User?: string) => () =>
    verifyRunAsNonRoot(podOf({ runAsNonRoot: true }), container(context), { ...(User && { User }) });
  expect(check({ runAsUser: 0 })).toThrow(
    'container\'s runAsUser breaks non-root policy (pod: "p_n(u)", container: a)',
  );
  expect(check({})).toThrow('container has runAsNonRoot and image will run as root');
  expect(check({}, 'app')).toThrow('image has non-numeric user (app), cannot verify user is non-root');
  expect(check({}, '65534')).not.toThrow();
  expect(check({ runAsUser: 5 })).not.toThrow();
  expect(check({ runAsNonRoot: false })).not.toThrow();
});

test('capabilities, seccomp and privileges', () => {
  const security = (context: corev1.SecurityContext) =>
    containerSecurity(podOf(), container(context), '/seccomp');
  expect(security({})).toMatchObject({ privileged: false, noNewPrivileges: false, seccomp: 'default' });
  expect(security({ capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } })).toMatchObject({
    capAdd: ['CAP_NET_ADMIN'],
    capDrop: ['ALL'],
  });
  expect(security({ privileged: true }).seccomp).toBe('unconfined');
  expect(security({ allowPrivilegeEscalation: false }).noNewPrivileges).toBe(true);
  expect(security({ seccompProfile: { type: 'Localhost', localhostProfile: 'a.json' } }).seccomp).toEqual({
    profilePath: '/seccomp/a.json',
  });
});
