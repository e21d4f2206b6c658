import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { differences } from './differences.ts';
import { semanticallyEqual } from './equality.ts';
import { forbidden, invalid, notSupported, required } from './field-errors.ts';
import { validateNodeSelector } from './node-selectors.ts';
import { sortedEntries, validateImmutable } from './object-meta.ts';
import { validateNoBacksteps } from './paths.ts';
import {
  validateAccessModes,
  validateClassName,
  validatePositive,
  validateVolumeMode,
} from './persistent-volume-claims.ts';
import { validateResourceQuantity } from './resource-requirements.ts';

const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];

/** Every kind of volume there is, and what each must say. */
const SOURCES: Readonly<Record<string, readonly string[]>> = {
  hostPath: ['path'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  glusterfs: ['endpoints', 'path'],
  flocker: [],
  nfs: ['server', 'path'],
  rbd: ['monitors', 'image'],
  quobyte: ['registry', 'volume'],
  cephfs: ['monitors'],
  iscsi: ['targetPortal', 'iqn'],
  cinder: ['volumeID'],
  fc: [],
  flexVolume: ['driver'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  local: ['path'],
  storageos: [],
  csi: ['driver', 'volumeHandle'],
};

/** k8s.io/kubernetes/pkg/apis/core/validation.ValidatePersistentVolumeSpec. */
export function validatePersistentVolume({ spec }: corev1.PersistentVolume): FieldError[] {
  return [
    ...validateAccessModes(spec.accessModes, 'spec.accessModes', ''),
    ...validateCapacity(spec.capacity, 'spec.capacity'),
    ...validateReclaimPolicy(spec.persistentVolumeReclaimPolicy),
    ...validateNodeAffinity(spec.nodeAffinity, 'spec.nodeAffinity'),
    ...validateSource(spec),
    ...validatePaths(spec),
    ...validateClassName(spec.storageClassName, 'spec.storageClassName'),
    ...validateVolumeMode(spec.volumeMode, 'spec.volumeMode'),
    ...validateClassName(spec.volumeAttributesClassName, 'spec.volumeAttributesClassName'),
  ];
}

function validateCapacity(
  capacity: Record<string, string | number> | undefined,
  field: string,
): FieldError[] {
  const entries = sortedEntries(capacity);
  const errors: FieldError[] = [];
  if (entries.length === 0) errors.push(required(field));
  if (capacity?.storage === undefined || entries.length > 1) {
    errors.push(notSupported(field, capacity ?? {}, ['storage']));
  }
  for (const [name, amount] of entries) {
    const at = `${field}[${name}]`;
    append(errors, validateResourceQuantity(name, amount, at), validatePositive(amount, at));
  }
  return errors;
}

function validateReclaimPolicy(policy: string | undefined): FieldError[] {
  return policy === undefined || RECLAIM_POLICIES.includes(policy)
    ? []
    : [notSupported('spec.persistentVolumeReclaimPolicy', policy, RECLAIM_POLICIES)];
}

function validateNodeAffinity(affinity: corev1.VolumeNodeAffinity | undefined, field: string): FieldError[] {
  if (affinity === undefined) return [];
  if (affinity.required === undefined) {
    return [required(`${field}.required`, 'must specify required node constraints')];
  }
  return validateNodeSelector(affinity.required, `${field}.required`);
}

function sourcesOf(spec: corev1.PersistentVolumeSpec): [string, Record<string, unknown>][] {
  return Object.keys(SOURCES).flatMap((name) => {
    const source = (spec as unknown as Record<string, Record<string, unknown> | undefined>)[name];
    return source === undefined ? [] : [[name, source]];
  });
}

function validateSource(spec: corev1.PersistentVolumeSpec): FieldError[] {
  const [first, ...more] = sourcesOf(spec);
  if (first === undefined) return [required('spec', 'must specify a volume type')];
  const [name, source] = first;
  return [
    ...SOURCES[name]!.filter((field) => isUnset(source[field])).map((field) =>
      required(`spec.${name}.${field}`),
    ),
    ...more.map(([other]) => forbidden(`spec.${other}`, 'may not specify more than 1 volume type')),
  ];
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}

function validatePaths({
  hostPath,
  local,
  nfs,
  nodeAffinity,
  persistentVolumeReclaimPolicy,
}: corev1.PersistentVolumeSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (hostPath?.path) {
    append(errors, validateNoBacksteps(hostPath.path, 'spec.hostPath.path'));
    if (hostPath.path === '/' && persistentVolumeReclaimPolicy === 'Recycle') {
      const why = "may not be 'recycle' for a hostPath mount of '/'";
      errors.push(forbidden('spec.persistentVolumeReclaimPolicy', why));
    }
  }
  if (nfs?.path && !nfs.path.startsWith('/')) {
    errors.push(invalid('spec.nfs.path', nfs.path, 'must be an absolute path'));
  }
  if (local !== undefined) {
    append(errors, validateNoBacksteps(local.path ?? '', 'spec.local.path'));
    if (nodeAffinity === undefined) {
      errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
    }
  }
  return errors;
}

/** core ValidatePersistentVolumeUpdate. */
export function validatePersistentVolumeUpdate(
  volume: corev1.PersistentVolume,
  old: corev1.PersistentVolume,
): FieldError[] {
  const errors = validatePersistentVolume(volume);
  const now = Object.fromEntries(sourcesOf(volume.spec));
  const before = Object.fromEntries(sourcesOf(old.spec));
  if (!semanticallyEqual(now, before)) {
    const changes = differences(before, now, 'spec').join('\n');
    const why = `spec.persistentvolumesource is immutable after creation\n${changes}\n`;
    errors.push(forbidden('spec.persistentvolumesource', why));
  }
  append(errors, validateImmutable(volume.spec.volumeMode, old.spec.volumeMode, 'spec.volumeMode'));
  const { nodeAffinity } = old.spec;
  if (nodeAffinity !== undefined && !semanticallyEqual(volume.spec.nodeAffinity, nodeAffinity)) {
    errors.push(invalid('spec.nodeAffinity', volume.spec.nodeAffinity, 'field is immutable'));
  }
  return errors;
}
