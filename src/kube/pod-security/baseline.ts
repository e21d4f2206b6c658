import type { corev1 } from '../types/index.generated.ts';
import {
  containerCheck,
  containersOf,
  named,
  type PodCheck,
  quoted,
  since,
  type Violation,
} from './violation.ts';

const DEFAULT_CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);
/** Each with the minor version of Kubernetes that let it in. */
const SELINUX_TYPES: ReadonlyMap<string, number> = new Map([
  ['', 0],
  ['container_t', 0],
  ['container_init_t', 0],
  ['container_kvm_t', 0],
  ['container_engine_t', 31],
]);
const SAFE_SYSCTLS: ReadonlyMap<string, number> = new Map([
  ['kernel.shm_rmid_forced', 0],
  ['net.ipv4.ip_local_port_range', 0],
  ['net.ipv4.ip_local_reserved_ports', 27],
  ['net.ipv4.ip_unprivileged_port_start', 0],
  ['net.ipv4.ping_group_range', 0],
  ['net.ipv4.tcp_fin_timeout', 29],
  ['net.ipv4.tcp_keepalive_intvl', 29],
  ['net.ipv4.tcp_keepalive_probes', 29],
  ['net.ipv4.tcp_keepalive_time', 29],
  ['net.ipv4.tcp_rmem', 32],
  ['net.ipv4.tcp_syncookies', 0],
  ['net.ipv4.tcp_wmem', 32],
]);
const LOOPBACK = new Set(['', '127.0.0.1', '::1']);

const hostNamespaces: PodCheck = (spec) => {
  const found = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  if (found.length === 0) return undefined;
  return { reason: 'host namespaces', detail: found.map((name) => `${name}=true`).join(', ') };
};

const hostPathVolumes: PodCheck = (spec) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: 'hostPath volumes', detail: named('volume', names) };
};

const hostPorts: PodCheck = (spec) => {
  const bad = containersOf(spec).filter(({ ports }) => ports?.some(({ hostPort }) => hostPort));
  const ports = bad.flatMap((container) => (container.ports ?? []).flatMap(({ hostPort }) => hostPort || []));
  if (bad.length === 0) return undefined;
  const uses = bad.length === 1 ? 'uses' : 'use';
  const unique = [...new Set(ports)].map(String).sort();
  return {
    reason: 'hostPort',
    detail: `${named(
      'container',
      bad.map(({ name }) => name),
    )} ${uses} ${unique.length === 1 ? 'hostPort' : 'hostPorts'} ${unique.join(', ')}`,
  };
};

function hostsOf(container: corev1.Container): string[] {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
  return [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(
    (one) => [one?.httpGet?.host ?? '', one?.tcpSocket?.host ?? ''].filter((host) => !LOOPBACK.has(host)),
  );
}

const probeHosts: PodCheck = (spec) => {
  const bad = containersOf(spec).filter((container) => hostsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const hosts = [...new Set(bad.flatMap(hostsOf))].sort();
  const uses = bad.length === 1 ? 'uses' : 'use';
  return {
    reason: 'probe or lifecycle host',
    detail: `${named(
      'container',
      bad.map(({ name }) => name),
    )} ${uses} ${named('probe or lifecycle host', hosts)}`,
  };
};

/** Adds beyond what a level lets be added. */
export function addedCapabilities(spec: corev1.PodSpec, allowed: ReadonlySet<string>): string | undefined {
  const bad = containersOf(spec).filter((container) => forbidden(container, allowed).length > 0);
  if (bad.length === 0) return undefined;
  const names = [...new Set(bad.flatMap((container) => forbidden(container, allowed)))].sort();
  return `${named(
    'container',
    bad.map(({ name }) => name),
  )} must not include ${quoted(names)} in securityContext.capabilities.add`;
}

function forbidden(container: corev1.Container, allowed: ReadonlySet<string>): string[] {
  return (container.securityContext?.capabilities?.add ?? []).filter((name) => !allowed.has(name));
}

export const baselineCapabilities: PodCheck = (spec) => {
  const detail = addedCapabilities(spec, DEFAULT_CAPABILITIES);
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
};

/** The pod itself and its containers, each with what its security context says. */
function contexts(
  spec: corev1.PodSpec,
): { where: string; context: corev1.SecurityContext & corev1.PodSecurityContext }[] {
  return [
    { where: 'pod', context: spec.securityContext as corev1.SecurityContext },
    ...containersOf(spec).map(({ name, securityContext }) => ({
      where: `container ${JSON.stringify(name)}`,
      context: securityContext as corev1.SecurityContext,
    })),
  ].filter((one) => one.context !== undefined) as ReturnType<typeof contexts>;
}

function contextCheck(
  reason: string,
  rule: (context: corev1.SecurityContext, minor: number) => string | undefined,
): PodCheck {
  return (spec, minor): Violation | undefined => {
    const bad = contexts(spec).flatMap(({ where, context }) => {
      const broken = rule(context, minor);
      return broken === undefined ? [] : [`${where} ${broken}`];
    });
    return bad.length === 0 ? undefined : { reason, detail: bad.join(', ') };
  };
}

const appArmor = contextCheck('forbidden AppArmor profile', ({ appArmorProfile }) =>
  appArmorProfile?.type === 'Unconfined' ? 'must not set AppArmor profile type to "Unconfined"' : undefined,
);

const seLinux = contextCheck('seLinuxOptions', ({ seLinuxOptions }, minor) => {
  if (seLinuxOptions === undefined) return undefined;
  const { type = '', user, role } = seLinuxOptions;
  const bad = [
    ...((SELINUX_TYPES.get(type) ?? Infinity) <= minor ? [] : [`type ${JSON.stringify(type)}`]),
    ...(user ? ['user may not be set'] : []),
    ...(role ? ['role may not be set'] : []),
  ];
  return bad.length === 0 ? undefined : `set forbidden securityContext.seLinuxOptions: ${bad.join('; ')}`;
});

export const baselineSeccomp = contextCheck('seccompProfile', ({ seccompProfile }) =>
  seccompProfile?.type === 'Unconfined'
    ? 'must not set securityContext.seccompProfile.type to "Unconfined"'
    : undefined,
);

const hostProcess = contextCheck('hostProcess', ({ windowsOptions }) =>
  windowsOptions?.hostProcess === true
    ? 'must not set securityContext.windowsOptions.hostProcess=true'
    : undefined,
);

const sysctls: PodCheck = (spec, minor) => {
  const bad = (spec.securityContext?.sysctls ?? [])
    .map(({ name }) => name)
    .filter((name) => (SAFE_SYSCTLS.get(name) ?? Infinity) > minor);
  return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
};

/** In upstream's order; those that a check of `restricted` replaces are left out there. */
export const baselineChecks: readonly PodCheck[] = [
  appArmor,
  baselineCapabilities,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  since(34, probeHosts),
  containerCheck(
    'privileged',
    ({ securityContext }) => securityContext?.privileged === true,
    'must not set securityContext.privileged=true',
  ),
  containerCheck(
    'procMount',
    ({ securityContext }) => (securityContext?.procMount ?? 'Default') !== 'Default',
    'must not set securityContext.procMount to "Unmasked"',
  ),
  seLinux,
  baselineSeccomp,
  sysctls,
  hostProcess,
];
