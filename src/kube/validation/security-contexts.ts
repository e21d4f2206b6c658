import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  required,
  tooLong,
} from './field-errors.ts';
import { unixId } from './formats.ts';
import { validateLocalDescendingPath } from './paths.ts';

const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const SYSCTL_SEGMENT = '[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL = `^(${SYSCTL_SEGMENT}[\\./])*${SYSCTL_SEGMENT}$`;
const SYSCTL_REGEXP = new RegExp(SYSCTL);

/** A container's securityContext (core ValidateSecurityContext). */
export function validateSecurityContext(
  context: corev1.SecurityContext | undefined,
  field: string,
  hostUsers: boolean,
): FieldError[] {
  if (context === undefined) return [];
  const errors = [
    ...validateId(context.runAsUser, `${field}.runAsUser`),
    ...validateId(context.runAsGroup, `${field}.runAsGroup`),
    ...validateProcMount(context.procMount, `${field}.procMount`, hostUsers),
    ...validateSeccompProfile(context.seccompProfile, `${field}.seccompProfile`),
  ];
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      errors.push(
        invalid(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      const why = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
      errors.push(invalid(field, context, why));
    }
  }
  return [...errors, ...validateAppArmorProfile(context.appArmorProfile, `${field}.appArmorProfile`)];
}

function validateId(id: number | undefined, field: string): FieldError[] {
  return id === undefined ? [] : invalidEach(field, id, unixId(id));
}

function validateProcMount(procMount: string | undefined, field: string, hostUsers: boolean): FieldError[] {
  if (procMount === undefined) return [];
  if (procMount !== 'Default' && procMount !== 'Unmasked') {
    return [notSupported(field, procMount, ['Default', 'Unmasked'])];
  }
  return hostUsers && procMount === 'Unmasked'
    ? [invalid(field, procMount, '`hostUsers` must be false to use `Unmasked`')]
    : [];
}

function validateSeccompProfile(profile: corev1.SeccompProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const errors: FieldError[] = [];
  const at = `${field}.localhostProfile`;
  if (!profile.type) errors.push(required(`${field}.type`, 'type is required when seccompProfile is set'));
  else if (!PROFILE_TYPES.includes(profile.type)) {
    errors.push(notSupported(`${field}.type`, profile.type, PROFILE_TYPES));
  }
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined) {
      errors.push(required(at, 'must be set when seccomp type is Localhost'));
    } else {
      append(errors, validateLocalDescendingPath(profile.localhostProfile, at));
    }
  } else if (profile.localhostProfile !== undefined) {
    errors.push(invalid(at, profile, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

const LONGEST_PATH = 4095;

function validateAppArmorProfile(profile: corev1.AppArmorProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const at = `${field}.localhostProfile`;
  const name = profile.localhostProfile;
  if (!profile.type) return [required(`${field}.type`, 'type is required when appArmorProfile is set')];
  if (!PROFILE_TYPES.includes(profile.type)) {
    return [notSupported(`${field}.type`, profile.type, PROFILE_TYPES)];
  }
  if (profile.type !== 'Localhost') {
    return name === undefined ? [] : [invalid(at, name, 'can only be set when AppArmor type is Localhost')];
  }
  if (!name) return [required(at, 'must be set when AppArmor type is Localhost')];
  const errors: FieldError[] = [];
  if (name.trim() !== name) errors.push(invalid(at, name, 'must not be padded with whitespace'));
  if (name.length > LONGEST_PATH) errors.push(tooLong(at, LONGEST_PATH));
  return errors;
}

/** A pod's securityContext and the namespaces it shares (core validatePodSpecSecurityContext). */
export function validatePodSecurityContext(spec: corev1.PodSpec, field: string): FieldError[] {
  const context = spec.securityContext;
  if (context === undefined) return [];
  const errors = [
    ...validateId(context.fsGroup, `${field}.fsGroup`),
    ...validateId(context.runAsUser, `${field}.runAsUser`),
    ...validateId(context.runAsGroup, `${field}.runAsGroup`),
    ...(context.supplementalGroups ?? []).flatMap((group, index) =>
      validateId(group, `${field}.supplementalGroups[${index}]`),
    ),
  ];
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    const why = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalid(`${field}.shareProcessNamespace`, true, why));
  }
  return [
    ...errors,
    ...validateSysctls(spec, `${field}.sysctls`),
    ...validateOneOf(
      context.fsGroupChangePolicy,
      ['Always', 'OnRootMismatch'],
      `${field}.fsGroupChangePolicy`,
    ),
    ...validateSeccompProfile(context.seccompProfile, `${field}.seccompProfile`),
    ...validateAppArmorProfile(context.appArmorProfile, `${field}.appArmorProfile`),
    ...validateOneOf(
      context.supplementalGroupsPolicy,
      ['Merge', 'Strict'],
      `${field}.supplementalGroupsPolicy`,
    ),
    ...validateOneOf(
      context.seLinuxChangePolicy,
      ['MountOption', 'Recursive'],
      `${field}.seLinuxChangePolicy`,
    ),
  ];
}

function validateOneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function validateSysctls(spec: corev1.PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { name }] of (spec.securityContext?.sysctls ?? []).entries()) {
    const at = `${field}[${index}].name`;
    if (!name) errors.push(required(at));
    else if (name.length > 253 || !SYSCTL_REGEXP.test(name)) {
      errors.push(invalid(at, name, `must have at most 253 characters and match regex ${SYSCTL}`));
    } else if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
    const dotted = (name ?? '').replaceAll('/', '.');
    if (spec.hostNetwork === true && dotted.startsWith('net.')) {
      errors.push(invalid(at, name, "may not be specified when 'hostNetwork' is true"));
    }
    if (spec.hostIPC === true && /^(kernel\.(msg|sem|shm)|fs\.mqueue\.)/.test(dotted)) {
      errors.push(invalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
  }
  return errors;
}

/** A pod with a user namespace of its own may not share the host's other namespaces. */
export function validateHostUsers(spec: corev1.PodSpec, field: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const why = 'when `hostUsers` is false';
  return (['hostNetwork', 'hostPID', 'hostIPC'] as const)
    .filter((name) => spec[name] === true)
    .map((name) => forbidden(`${field}.${name}`, why));
}
