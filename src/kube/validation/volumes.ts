import { append, type FieldError } from '../../base/index.ts';
import type { corev1 } from '../types/index.generated.ts';
import { validateFieldRef, validateResourceFieldRef } from './downward-api.ts';
import { duplicate, forbidden, invalid, invalidEach, notSupported, required } from './field-errors.ts';
import { dns1123Label } from './formats.ts';
import { validateLabelSelector } from './label-selectors.ts';
import { validateLocalNonReservedPath, validateNoBacksteps } from './paths.ts';
import { quantityOr } from './resource-requirements.ts';

const FILE_MODE = 'must be a number between 0 and 0777 (octal), both inclusive';
const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
const VOLUME_FIELD_PATHS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

type SourceRule = (source: never, field: string) => FieldError[];

/** Every volume source in upstream's order, which decides which of two is the one too many. */
const SOURCES: readonly [keyof corev1.VolumeSource, SourceRule][] = [
  ['emptyDir', validateEmptyDir],
  ['hostPath', validateHostPath],
  ['gitRepo', requireFields('repository')],
  ['gcePersistentDisk', requireFields('pdName')],
  ['awsElasticBlockStore', requireFields('volumeID')],
  ['secret', validateSecretVolume],
  ['nfs', validateNfs],
  ['iscsi', requireFields('targetPortal', 'iqn')],
  ['glusterfs', requireFields('endpoints', 'path')],
  ['flocker', () => []],
  ['persistentVolumeClaim', requireFields('claimName')],
  ['rbd', requireFields('monitors', 'image')],
  ['cinder', requireFields('volumeID')],
  ['cephfs', requireFields('monitors')],
  ['quobyte', requireFields('registry', 'volume')],
  ['downwardAPI', validateDownwardApiVolume],
  ['fc', () => []],
  ['flexVolume', requireFields('driver')],
  ['configMap', validateConfigMapVolume],
  ['azureFile', requireFields('secretName', 'shareName')],
  ['vsphereVolume', requireFields('volumePath')],
  ['photonPersistentDisk', requireFields('pdID')],
  ['portworxVolume', requireFields('volumeID')],
  ['azureDisk', requireFields('diskName', 'diskURI')],
  ['storageos', requireFields('volumeName')],
  ['projected', validateProjected],
  ['scaleIO', requireFields('gateway', 'system', 'volumeName')],
  ['csi', requireFields('driver')],
  ['ephemeral', requireFields('volumeClaimTemplate')],
  ['image', requireFields('reference')],
];

export interface ValidatedVolumes {
  /** The volumes that are right, by name: what mounts may name. */
  volumes: ReadonlyMap<string, corev1.Volume>;
  errors: FieldError[];
}

export function validateVolumes(
  volumes: readonly corev1.Volume[] | undefined,
  field: string,
): ValidatedVolumes {
  const right = new Map<string, corev1.Volume>();
  const errors: FieldError[] = [];
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${field}[${index}]`;
    const own = validateSource(volume, at);
    if (!volume.name) own.push(required(`${at}.name`));
    else append(own, invalidEach(`${at}.name`, volume.name, dns1123Label(volume.name)));
    if (right.has(volume.name)) own.push(duplicate(`${at}.name`, volume.name));
    if (own.length === 0) right.set(volume.name, volume);
    append(errors, own);
  }
  return { volumes: right, errors };
}

function validateSource(volume: corev1.Volume, field: string): FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  for (const [name, rule] of SOURCES) {
    const source = volume[name];
    if (source === undefined) continue;
    if (count > 0) errors.push(forbidden(`${field}.${name}`, 'may not specify more than 1 volume type'));
    else append(errors, rule(source as never, `${field}.${name}`));
    count++;
  }
  if (count === 0) errors.push(required(field, 'must specify a volume type'));
  return errors;
}

function requireFields(...names: string[]): SourceRule {
  return (source: Record<string, unknown>, field: string) =>
    names.filter((name) => isUnset(source[name])).map((name) => required(`${field}.${name}`));
}

function isUnset(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}

function validateEmptyDir(source: corev1.EmptyDirVolumeSource, field: string): FieldError[] {
  if (source.sizeLimit === undefined) return [];
  const limit = quantityOr(source.sizeLimit, `${field}.sizeLimit`);
  if (!('value' in limit)) return [limit];
  return limit.value() < 0
    ? [forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
    : [];
}

function validateHostPath(source: corev1.HostPathVolumeSource, field: string): FieldError[] {
  if (!source.path) return [required(`${field}.path`)];
  const errors = validateNoBacksteps(source.path, `${field}.path`);
  if (source.type !== undefined && !HOST_PATH_TYPES.includes(source.type)) {
    errors.push(notSupported(`${field}.type`, source.type, HOST_PATH_TYPES));
  }
  return errors;
}

function validateNfs(source: corev1.NFSVolumeSource, field: string): FieldError[] {
  const errors = requireFields('server', 'path')(source as never, field);
  if (!source.path?.startsWith('/')) {
    errors.push(invalid(`${field}.path`, source.path ?? '', 'must be an absolute path'));
  }
  return errors;
}

function validateMode(mode: number | undefined, field: string): FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= 0o777) ? [] : [invalid(field, mode, FILE_MODE)];
}

function validateSecretVolume(source: corev1.SecretVolumeSource, field: string): FieldError[] {
  return [
    ...(source.secretName ? [] : [required(`${field}.secretName`)]),
    ...validateMode(source.defaultMode, `${field}.defaultMode`),
    ...validateItems(source.items, `${field}.items`),
  ];
}

function validateConfigMapVolume(source: corev1.ConfigMapVolumeSource, field: string): FieldError[] {
  return [
    ...(source.name ? [] : [required(`${field}.name`)]),
    ...validateMode(source.defaultMode, `${field}.defaultMode`),
    ...validateItems(source.items, `${field}.items`),
  ];
}

function validateItems(items: readonly corev1.KeyToPath[] | undefined, field: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const at = `${field}[${index}]`;
    return [
      ...(item.key ? [] : [required(`${at}.key`)]),
      ...(item.path ? [] : [required(`${at}.path`)]),
      ...validateLocalNonReservedPath(item.path ?? '', `${at}.path`),
      ...validateMode(item.mode, `${at}.mode`),
    ];
  });
}

function validateDownwardApiVolume(source: corev1.DownwardAPIVolumeSource, field: string): FieldError[] {
  return [
    ...validateMode(source.defaultMode, `${field}.defaultMode`),
    ...(source.items ?? []).flatMap((file) => validateDownwardApiFile(file, field)),
  ];
}

/** Upstream names the list, not the item, in these errors. */
function validateDownwardApiFile(file: corev1.DownwardAPIVolumeFile, field: string): FieldError[] {
  const errors = file.path ? [] : [required(`${field}.path`)];
  append(errors, validateLocalNonReservedPath(file.path ?? '', `${field}.path`));
  if (file.fieldRef !== undefined) {
    append(errors, validateFieldRef(file.fieldRef, VOLUME_FIELD_PATHS, `${field}.fieldRef`));
    if (file.resourceFieldRef !== undefined) {
      errors.push(
        invalid(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
      );
    }
  } else if (file.resourceFieldRef !== undefined) {
    append(errors, validateResourceFieldRef(file.resourceFieldRef, `${field}.resourceFieldRef`, true));
  } else {
    errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'));
  }
  return [...errors, ...validateMode(file.mode, `${field}.mode`)];
}

function validateProjected(source: corev1.ProjectedVolumeSource, field: string): FieldError[] {
  const errors = validateMode(source.defaultMode, `${field}.defaultMode`);
  const paths = new Set<string>();
  const claim = (path: string | undefined, owner: string) => {
    if (!path) return;
    if (paths.has(path)) errors.push(invalid(field, owner, 'conflicting duplicate paths'));
    paths.add(path);
  };
  for (const [index, projection] of (source.sources ?? []).entries()) {
    append(errors, validateProjection(projection, field, `${field}.sources[${index}]`, claim));
  }
  return errors;
}

function validateProjection(
  projection: corev1.VolumeProjection,
  volumeField: string,
  field: string,
  claim: (path: string | undefined, owner: string) => void,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const kind of ['secret', 'configMap'] as const) {
    const source = projection[kind];
    if (source === undefined) continue;
    if (!source.name) errors.push(required(`${field}.${kind}.name`));
    append(errors, validateItems(source.items, `${field}.${kind}.items`));
    for (const item of source.items ?? []) claim(item.path, source.name ?? '');
  }
  for (const file of projection.downwardAPI?.items ?? []) {
    append(errors, validateDownwardApiFile(file, `${field}.downwardAPI`));
    claim(file.path, file.path);
  }
  if (projection.serviceAccountToken !== undefined) {
    append(errors, validateTokenProjection(projection.serviceAccountToken, volumeField, field));
  }
  if (projection.clusterTrustBundle !== undefined) {
    append(errors, validateTrustBundle(projection.clusterTrustBundle, `${field}.clusterTrustBundlePEM`));
    claim(projection.clusterTrustBundle.path, projection.clusterTrustBundle.path);
  }
  const count = Object.values(projection).filter((value) => value !== undefined).length;
  if (count > 1) errors.push(forbidden(field, 'may not specify more than 1 volume type'));
  return errors;
}

const TOKEN_MOST_SECONDS = 2 ** 32;

function validateTokenProjection(
  token: corev1.ServiceAccountTokenProjection,
  volumeField: string,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${field}.serviceAccountToken.expirationSeconds`;
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
  if (seconds > TOKEN_MOST_SECONDS) {
    errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
  }
  if (!token.path) errors.push(required(`${volumeField}.path`));
  else append(errors, validateLocalNonReservedPath(token.path, `${volumeField}.path`));
  return errors;
}

function validateTrustBundle(bundle: corev1.ClusterTrustBundleProjection, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (bundle.name !== undefined && bundle.signerName !== undefined) {
    errors.push(invalid(field, bundle, 'only one of name and signerName may be used'));
  } else if (bundle.name === undefined && bundle.signerName === undefined) {
    errors.push(required(field, 'either name or signerName must be specified'));
  }
  append(errors, validateLabelSelector(bundle.labelSelector, `${field}.labelSelector`));
  if (!bundle.path) errors.push(required(`${field}.path`));
  return [...errors, ...validateLocalNonReservedPath(bundle.path ?? '', `${field}.path`)];
}
