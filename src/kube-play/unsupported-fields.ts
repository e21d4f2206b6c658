import type { corev1 } from '../kube/index.ts';

/** What one host without a cluster cannot do for a pod. */
const POD_FIELDS = [
  'ephemeralContainers',
  'overhead',
  'readinessGates',
  'resourceClaims',
  'resources',
  'runtimeClassName',
  'schedulingGates',
  'setHostnameAsFQDN',
  'subdomain',
  'workloadRef',
] as const;

const CONTAINER_FIELDS = [
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'startupProbe',
  'volumeDevices',
];

const VOLUME_SOURCES = [
  'configMap',
  'downwardAPI',
  'emptyDir',
  'hostPath',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** Facts that are known only once the pod runs: nobody writes them into files and environments here. */
const LATE_FIELDS = ['status.podIP', 'status.podIPs', 'status.hostIP', 'status.hostIPs'];

/** The first field that was set and cannot be honoured. What only a scheduler or a cluster reads is no matter. */
export function unsupportedField(pod: corev1.Pod): string | undefined {
  const { spec } = pod;
  for (const field of POD_FIELDS) if (isSet((spec as object)[field as never])) return `spec.${field}`;
  for (const [index, volume] of (spec.volumes ?? []).entries()) {
    const field = volumeField(volume);
    if (field !== undefined) return `spec.volumes[${index}].${field}`;
  }
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (spec[list] ?? []).entries()) {
      const field = containerField(container);
      if (field !== undefined) return `spec.${list}[${index}].${field}`;
    }
  return undefined;
}

function volumeField(volume: corev1.Volume): string | undefined {
  const source = Object.keys(volume).find(
    (key) => key !== 'name' && isSet(volume[key as never]) && !VOLUME_SOURCES.includes(key),
  );
  if (source !== undefined) return source;
  for (const [index, one] of (volume.projected?.sources ?? []).entries()) {
    const other = Object.keys(one).find((key) => !['configMap', 'downwardAPI', 'secret'].includes(key));
    if (other !== undefined) return `projected.sources[${index}].${other}`;
  }
  const items = volume.downwardAPI?.items ?? [];
  const late = items.find(({ fieldRef }) => LATE_FIELDS.includes(fieldRef?.fieldPath ?? ''));
  return late === undefined ? undefined : `downwardAPI.items: ${late.fieldRef!.fieldPath}`;
}

function containerField(container: corev1.Container): string | undefined {
  for (const field of CONTAINER_FIELDS) if (isSet(container[field as never])) return field;
  for (const hook of ['postStart', 'preStop'] as const)
    if (isSet(container.lifecycle?.[hook])) return `lifecycle.${hook}`;
  if (isSet(container.livenessProbe?.grpc)) return 'livenessProbe.grpc';
  for (const { name, valueFrom } of container.env ?? [])
    if (LATE_FIELDS.includes(valueFrom?.fieldRef?.fieldPath ?? ''))
      return `env[${name}].valueFrom.fieldRef: ${valueFrom!.fieldRef!.fieldPath}`;
  for (const [index, mount] of (container.volumeMounts ?? []).entries())
    if (isSet(mount.recursiveReadOnly)) return `volumeMounts[${index}].recursiveReadOnly`;
  if (
    container.ports?.some(
      ({ protocol }) => protocol !== undefined && !['TCP', 'UDP', 'SCTP'].includes(protocol),
    )
  )
    return 'ports.protocol';
  return undefined;
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
