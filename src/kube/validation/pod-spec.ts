import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { type PodContext, validateChoice, validateContainers, validateInitContainers } from './containers.ts';
import { validateEphemeralContainers } from './ephemeral-containers.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  type FormatCheck,
  inRange,
  ipAddress,
  qualifiedName,
} from './formats.ts';
import { validateAnnotations, validateLabels } from './object-meta.ts';
import { validateResourceRequirements } from './resource-requirements.ts';
import { validateAffinity, validateTolerations } from './scheduling.ts';
import { validateHostUsers, validatePodSecurityContext } from './security-contexts.ts';
import { validateTopologySpread } from './topology-spread.ts';
import { validateVolumes } from './volumes.ts';

const RESTART_POLICIES = ['Always', 'OnFailure', 'Never'];
const DNS_POLICIES = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const PREEMPTION_POLICIES = ['PreemptLowerPriority', 'Never'];

/** The spec of a pod or of a template (core ValidatePodSpec). */
export function validatePodSpec(spec: corev1.PodSpec, field: string, isPod: boolean): FieldError[] {
  const grace = spec.terminationGracePeriodSeconds;
  const { volumes, errors: volumeErrors } = validateVolumes(spec.volumes, `${field}.volumes`);
  const pod: PodContext = {
    volumes,
    claimNames: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
    gracePeriodSeconds: grace,
    restartPolicy: spec.restartPolicy ?? '',
    hostUsers: spec.hostUsers !== false,
  };
  const containers = spec.containers ?? [];
  return [
    ...(grace === undefined ? [required(`${field}.terminationGracePeriodSeconds`)] : []),
    ...volumeErrors,
    ...validateResourceClaims(spec.resourceClaims, `${field}.resourceClaims`),
    ...validateContainers(containers, pod, `${field}.containers`),
    ...validateInitContainers(spec.initContainers ?? [], containers, pod, `${field}.initContainers`),
    ...validateEphemeralContainers(spec, pod, `${field}.ephemeralContainers`),
    ...validateHostNetworkPorts(spec, field, isPod),
    ...validateChoice(spec.restartPolicy, RESTART_POLICIES, `${field}.restartPolicy`),
    ...validateChoice(spec.dnsPolicy, DNS_POLICIES, `${field}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec, `${field}.securityContext`),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateDnsConfig(spec, `${field}.dnsConfig`),
    ...validateGates(spec, field),
    ...validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
    ...validateHostUsers(spec, field),
    ...validateNames(spec, field),
    ...validateDeadline(spec.activeDeadlineSeconds, `${field}.activeDeadlineSeconds`),
    ...validateTolerations(spec.tolerations, `${field}.tolerations`),
    ...validateHostAliases(spec.hostAliases, `${field}.hostAliases`),
    ...validatePreemption(spec.preemptionPolicy, `${field}.preemptionPolicy`),
    ...validateResourceRequirements(overheadAsLimits(spec), `${field}.overhead`),
    ...validateResourceRequirements(spec.resources, `${field}.resources`),
    ...validateOs(spec, field),
  ];
}

function overheadAsLimits(spec: corev1.PodSpec): corev1.ResourceRequirements | undefined {
  return spec.overhead === undefined ? undefined : { limits: spec.overhead };
}

const NAMES: readonly [keyof corev1.PodSpec & string, FormatCheck][] = [
  ['serviceAccountName', dns1123Subdomain],
  ['nodeName', dns1123Subdomain],
  ['hostname', dns1123Label],
  ['subdomain', dns1123Label],
  ['priorityClassName', dns1123Subdomain],
  ['runtimeClassName', dns1123Subdomain],
];

function validateNames(spec: corev1.PodSpec, field: string): FieldError[] {
  return NAMES.flatMap(([name, check]) => {
    const value = spec[name] as string | undefined;
    return value ? invalidEach(`${field}.${name}`, value, check(value)) : [];
  });
}

function validateDeadline(seconds: number | undefined, field: string): FieldError[] {
  return seconds === undefined ? [] : invalidEach(field, seconds, inRange(seconds, 1, 2147483647));
}

function validatePreemption(policy: string | undefined, field: string): FieldError[] {
  return policy === undefined ? [] : validateChoice(policy, PREEMPTION_POLICIES, field);
}

function validateHostNetworkPorts(spec: corev1.PodSpec, field: string, isPod: boolean): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return (spec.containers ?? []).flatMap((container, index) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, containerPort }, portIndex) =>
      (isPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalid(
              `${field}.containers[${index}].ports[${portIndex}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : [],
    ),
  );
}

function validateResourceClaims(
  claims: readonly corev1.PodResourceClaim[] | undefined,
  field: string,
): FieldError[] {
  const seen = new Set<string>();
  return (claims ?? []).flatMap((claim, index) => {
    const at = `${field}[${index}]`;
    const errors: FieldError[] = [];
    if (!claim.name) errors.push(required(`${at}.name`));
    else if (seen.has(claim.name)) errors.push(duplicate(`${at}.name`, claim.name));
    else append(errors, invalidEach(`${at}.name`, claim.name, dns1123Label(claim.name)));
    seen.add(claim.name);
    const fields = '`resourceClaimName`';
    const other = '`resourceClaimTemplateName`';
    if (claim.resourceClaimName && claim.resourceClaimTemplateName) {
      errors.push(invalid(at, claim, `at most one of ${fields} or ${other} may be specified`));
    } else if (!claim.resourceClaimName && !claim.resourceClaimTemplateName) {
      errors.push(invalid(at, claim, `must specify one of: ${fields}, ${other}`));
    }
    return errors;
  });
}

function validateDnsConfig(spec: corev1.PodSpec, field: string): FieldError[] {
  const config = spec.dnsConfig;
  const nameservers = config?.nameservers ?? [];
  const searches = config?.searches ?? [];
  if (spec.dnsPolicy === 'None') {
    if (config === undefined) {
      return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
    }
    if (nameservers.length === 0) {
      const why = 'must provide at least one DNS nameserver when `dnsPolicy` is None';
      return [required(`${field}.nameservers`, why)];
    }
  }
  const errors: FieldError[] = [];
  if (nameservers.length > 3) {
    errors.push(invalid(`${field}.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  }
  for (const [index, address] of nameservers.entries()) {
    append(errors, invalidEach(`${field}.nameservers[${index}]`, address, ipAddress(address)));
  }
  if (searches.length > 32) {
    errors.push(invalid(`${field}.searches`, searches, 'must not have more than 32 search paths'));
  }
  if (searches.join(' ').length > 2048) {
    const why = 'must not have more than 2048 characters (including spaces) in the search list';
    errors.push(invalid(`${field}.searches`, searches, why));
  }
  for (const [index, search] of searches.entries()) {
    const bare = search.replace(/\.$/, '');
    if (bare === '' && search === '.') continue;
    append(errors, invalidEach(`${field}.searches[${index}]`, bare, dns1123Subdomain(bare)));
  }
  for (const [index, option] of (config?.options ?? []).entries()) {
    if (!option.name) errors.push(required(`${field}.options[${index}]`, 'must not be empty'));
  }
  return errors;
}

function validateGates(spec: corev1.PodSpec, field: string): FieldError[] {
  const errors = (spec.readinessGates ?? []).flatMap(({ conditionType }, index) =>
    invalidEach(
      `${field}.readinessGates[${index}].conditionType`,
      conditionType ?? '',
      qualifiedName(conditionType ?? ''),
    ),
  );
  const seen = new Set<string>();
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    const at = `${field}.schedulingGates[${index}]`;
    append(errors, invalidEach(at, name ?? '', qualifiedName(name ?? '')));
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
  }
  return errors;
}

function validateHostAliases(aliases: readonly corev1.HostAlias[] | undefined, field: string): FieldError[] {
  return (aliases ?? []).flatMap(({ ip, hostnames }, index) => [
    ...invalidEach(`${field}[${index}].ip`, ip ?? '', ipAddress(ip ?? '')),
    ...(hostnames ?? []).flatMap((hostname, number) =>
      invalidEach(`${field}[${index}].hostnames[${number}]`, hostname, dns1123Subdomain(hostname)),
    ),
  ]);
}

function validateOs(spec: corev1.PodSpec, field: string): FieldError[] {
  if (spec.os === undefined) return [];
  if (!spec.os.name) return [required(`${field}.os.name`, 'cannot be empty')];
  if (spec.os.name !== 'linux' && spec.os.name !== 'windows') {
    return [notSupported(`${field}.os`, spec.os.name, ['linux', 'windows'])];
  }
  if (spec.os.name === 'windows') return [];
  const why = 'windows options cannot be set for a linux pod';
  const errors: FieldError[] = [];
  if (spec.securityContext?.windowsOptions !== undefined) {
    errors.push(forbidden(`${field}.securityContext.windowsOptions`, why));
  }
  for (const list of ['initContainers', 'containers'] as const) {
    for (const [index, container] of (spec[list] ?? []).entries()) {
      if (container.securityContext?.windowsOptions === undefined) continue;
      errors.push(forbidden(`${field}.${list}[${index}].securityContext.windowsOptions`, why));
    }
  }
  return errors;
}

/** A workload's template: its labels, annotations and spec (core ValidatePodTemplateSpec). */
export function validatePodTemplate(template: corev1.PodTemplateSpec, field: string): FieldError[] {
  const errors = [
    ...validateLabels(template.metadata?.labels, `${field}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${field}.annotations`),
    ...validatePodSpec(template.spec ?? { initContainers: [], containers: [] }, `${field}.spec`, false),
  ];
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    const why = 'ephemeral containers not allowed in pod template';
    errors.push(forbidden(`${field}.spec.ephemeralContainers`, why));
  }
  return errors;
}
