import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validateEnv, validateEnvFrom } from './environment.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label, ipAddress, portName, portNumber } from './formats.ts';
import { type ProbeKind, validateLifecycle, validateProbe } from './probes.ts';
import { validateResourceRequirements } from './resource-requirements.ts';
import { validateSecurityContext } from './security-contexts.ts';
import { validateVolumeDevices, validateVolumeMounts } from './volume-mounts.ts';

export const PORT_PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];
const PROBES: readonly ProbeKind[] = ['livenessProbe', 'readinessProbe', 'startupProbe'];

/** What a container's rules need to know of its pod. */
export interface PodContext {
  volumes: ReadonlyMap<string, corev1.Volume>;
  claimNames: ReadonlySet<string>;
  gracePeriodSeconds: number | undefined;
  restartPolicy: string;
  hostUsers: boolean;
}

export function validateContainers(
  containers: readonly corev1.Container[],
  pod: PodContext,
  field: string,
): FieldError[] {
  if (containers.length === 0) return [required(field)];
  const names = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, container] of containers.entries()) {
    const at = `${field}[${index}]`;
    append(errors, validateContainerCommon(container, pod, at));
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    append(errors, validateLifecycleAndProbes(container, pod, at));
    if (container.restartPolicy !== undefined) {
      errors.push(forbidden(`${at}.restartPolicy`, 'may not be set for non-init containers'));
    }
  }
  return [...errors, ...validateHostPortConflicts(containers, field)];
}

export function validateInitContainers(
  initContainers: readonly corev1.Container[],
  containers: readonly corev1.Container[],
  pod: PodContext,
  field: string,
): FieldError[] {
  const names = new Set(containers.map((container) => container.name));
  const errors: FieldError[] = [];
  for (const [index, container] of initContainers.entries()) {
    const at = `${field}[${index}]`;
    append(errors, validateContainerCommon(container, pod, at));
    if (container.restartPolicy !== undefined && container.restartPolicy !== 'Always') {
      errors.push(notSupported(`${at}.restartPolicy`, container.restartPolicy, ['Always']));
    }
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    else if (container.name) names.add(container.name);
    append(errors, validateHostPortConflicts([container], field));
    if (container.restartPolicy === 'Always') {
      append(errors, validateLifecycleAndProbes(container, pod, at));
    } else {
      append(errors, forbidLifecycleAndProbes(container, at));
    }
  }
  return errors;
}

function validateLifecycleAndProbes(
  container: corev1.Container,
  pod: PodContext,
  field: string,
): FieldError[] {
  return [
    ...validateLifecycle(container.lifecycle, pod.gracePeriodSeconds, `${field}.lifecycle`),
    ...PROBES.flatMap((kind) => validateProbe(kind, container[kind], `${field}.${kind}`)),
  ];
}

function forbidLifecycleAndProbes(container: corev1.Container, field: string): FieldError[] {
  const why = 'may not be set for init containers without restartPolicy=Always';
  return (['lifecycle', ...PROBES] as const)
    .filter((name) => container[name] !== undefined)
    .map((name) => forbidden(`${field}.${name}`, why));
}

export function validateContainerCommon(
  container: corev1.Container,
  pod: PodContext,
  field: string,
): FieldError[] {
  const { name, image, terminationMessagePolicy, imagePullPolicy } = container;
  return [
    ...(name ? invalidEach(`${field}.name`, name, dns1123Label(name)) : [required(`${field}.name`)]),
    ...(image ? [] : [required(`${field}.image`)]),
    ...validateChoice(terminationMessagePolicy, MESSAGE_POLICIES, `${field}.terminationMessagePolicy`),
    ...validateContainerPorts(container.ports, `${field}.ports`),
    ...validateEnv(container.env, `${field}.env`),
    ...validateEnvFrom(container.envFrom, `${field}.envFrom`),
    ...validateVolumeMounts(container, pod.volumes, `${field}.volumeMounts`),
    ...validateVolumeDevices(container, pod.volumes, `${field}.volumeDevices`),
    ...validateChoice(imagePullPolicy, PULL_POLICIES, `${field}.imagePullPolicy`),
    ...validateResourceRequirements(container.resources, `${field}.resources`, pod.claimNames),
    ...validateResizePolicy(container, pod.restartPolicy, `${field}.resizePolicy`),
    ...validateSecurityContext(container.securityContext, `${field}.securityContext`, pod.hostUsers),
  ];
}

/** A field with a default: empty is missing. */
export function validateChoice(
  value: string | undefined,
  supported: readonly string[],
  field: string,
): FieldError[] {
  if (!value) return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function validateContainerPorts(
  ports: readonly corev1.ContainerPort[] | undefined,
  field: string,
): FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (port.name) {
      const wrong = portName(port.name);
      append(errors, invalidEach(`${at}.name`, port.name, wrong));
      if (wrong.length === 0 && names.has(port.name)) errors.push(duplicate(`${at}.name`, port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(required(`${at}.containerPort`));
    else
      append(errors, invalidEach(`${at}.containerPort`, port.containerPort, portNumber(port.containerPort)));
    if (port.hostPort)
      append(errors, invalidEach(`${at}.hostPort`, port.hostPort, portNumber(port.hostPort)));
    if (port.hostIP) append(errors, invalidEach(`${at}.hostIP`, port.hostIP, ipAddress(port.hostIP)));
    return [...errors, ...validateChoice(port.protocol, PORT_PROTOCOLS, `${at}.protocol`)];
  });
}

function validateHostPortConflicts(containers: readonly corev1.Container[], field: string): FieldError[] {
  const taken = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, container] of containers.entries()) {
    for (const [portIndex, { hostPort, hostIP = '', protocol }] of (container.ports ?? []).entries()) {
      if (!hostPort) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${field}[${index}].ports[${portIndex}].hostPort`, key));
      taken.add(key);
    }
  }
  return errors;
}

function validateResizePolicy(
  container: corev1.Container,
  restartPolicy: string,
  field: string,
): FieldError[] {
  const seen = new Set<string>();
  return (container.resizePolicy ?? []).flatMap((policy, index) => {
    const errors: FieldError[] = [];
    if (seen.has(policy.resourceName)) errors.push(duplicate(`${field}[${index}]`, policy.resourceName));
    seen.add(policy.resourceName);
    append(errors, validateChoice(policy.resourceName, ['cpu', 'memory'], field));
    append(errors, validateChoice(policy.restartPolicy, ['NotRequired', 'RestartContainer'], field));
    if (restartPolicy === 'Never' && policy.restartPolicy !== 'NotRequired') {
      const why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
      errors.push(invalid(field, policy.restartPolicy, why));
    }
    return errors;
  });
}
