import { append, type FieldError } from '../../base/index.ts';
import type { storagev1 } from '../types/index.generated.ts';
import {
  duplicate,
  forbidden,
  invalid,
  invalidEach,
  notSupported,
  required,
  tooLong,
} from './field-errors.ts';
import { dns1123Subdomain, inRange, qualifiedName } from './formats.ts';
import { addAll, repeatedIndexes } from './item-lists.ts';
import { validateDriverName } from './names.ts';
import { validateImmutable, validateNonNegative } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/storage/validation: CSIDriver, CSINode, VolumeAttachment. */

const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral'];
const NODE_ID_LIMIT = 256;
const METADATA_LIMIT_BYTES = 256 * 1024;
const ERROR_MESSAGE_LIMIT = 1024;
const SHORTEST_TOKEN_SECONDS = 600;
const ONE_SOURCE = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';

export function validateCsiDriver({ spec }: storagev1.CSIDriver): FieldError[] {
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [] } = spec ?? {};
  const errors: FieldError[] = [];
  if (spec?.attachRequired === undefined) errors.push(required('spec.attachedRequired'));
  if (spec?.podInfoOnMount === undefined) errors.push(required('spec.podInfoOnMount'));
  if (spec?.storageCapacity === undefined) errors.push(required('spec.storageCapacity'));
  if (fsGroupPolicy !== undefined && !FS_GROUP_POLICIES.includes(fsGroupPolicy)) {
    errors.push(notSupported('spec.fsGroupPolicy', fsGroupPolicy, FS_GROUP_POLICIES));
  }
  addAll(errors, validateTokenRequests(tokenRequests));
  for (const mode of volumeLifecycleModes) {
    if (!LIFECYCLE_MODES.includes(mode)) {
      errors.push(notSupported('spec.volumeLifecycleModes', mode, LIFECYCLE_MODES));
    }
  }
  const period = spec?.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < 10) {
    const at = 'spec.nodeAllocatableUpdatePeriodSeconds';
    errors.push(invalid(at, period, 'must be greater than or equal to 10 seconds'));
  }
  const inSecrets = spec?.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && tokenRequests.length === 0) {
    const why = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified';
    errors.push(invalid('spec.serviceAccountTokenInSecrets', inSecrets, why));
  }
  return errors;
}

export function validateCsiDriverUpdate(driver: storagev1.CSIDriver, old: storagev1.CSIDriver): FieldError[] {
  const [now, before] = [driver.spec, old.spec];
  const modes = 'spec.volumeLifecycleModes';
  return [
    ...validateCsiDriver(driver),
    ...validateImmutable(now?.attachRequired, before?.attachRequired, 'spec.attachedRequired'),
    ...validateImmutable(now?.volumeLifecycleModes, before?.volumeLifecycleModes, modes),
  ];
}

function validateTokenRequests(requests: readonly storagev1.TokenRequest[]): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(({ audience = '', expirationSeconds: seconds }, index) => {
    const at = `spec.tokenRequests[${index}]`;
    if (audiences.has(audience)) return [duplicate(`${at}.audience`, audience)];
    audiences.add(audience);
    if (seconds !== undefined && seconds < SHORTEST_TOKEN_SECONDS) {
      const why = 'may not specify a duration less than 10 minutes';
      return [invalid(`${at}.expirationSeconds`, seconds, why)];
    }
    if (seconds === undefined || seconds <= 2 ** 32) return [];
    const why = 'may not specify a duration larger than 2^32 seconds';
    return [invalid(`${at}.expirationSeconds`, seconds, why)];
  });
}

export function validateCsiNode({ spec }: storagev1.CSINode): FieldError[] {
  const names = new Set<string>();
  return (spec?.drivers ?? []).flatMap((driver, index) => {
    const at = `spec.drivers[${index}]`;
    const errors = validateNodeDriver(driver, at);
    const name = driver.name ?? '';
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return errors;
  });
}

/** A driver's entry may come and go; of one that stays, only what the node can hold changes. */
export function validateCsiNodeUpdate(node: storagev1.CSINode, old: storagev1.CSINode): FieldError[] {
  const bare = ({ allocatable: _, ...rest }: storagev1.CSINodeDriver) => rest;
  const before = new Map((old.spec?.drivers ?? []).map((driver) => [driver.name, driver]));
  return [
    ...validateCsiNode(node),
    ...(node.spec?.drivers ?? []).flatMap((driver) => {
      const was = before.get(driver.name);
      return was === undefined ? [] : validateImmutable(bare(driver), bare(was), 'spec.drivers');
    }),
  ];
}

function validateNodeDriver(driver: storagev1.CSINodeDriver, field: string): FieldError[] {
  const { name = '', nodeID = '', topologyKeys = [], allocatable } = driver;
  const errors = validateDriverName(name, `${field}.name`);
  if (nodeID === '') errors.push(required(`${field}.nodeID`));
  if (nodeID.length > NODE_ID_LIMIT) {
    errors.push(invalid(`${field}.nodeID`, nodeID, `must be ${NODE_ID_LIMIT} characters or less`));
  }
  append(errors, validateNonNegative(allocatable?.count, `${field}.allocatable.count`));
  const repeated = repeatedIndexes(topologyKeys);
  for (const [index, key] of topologyKeys.entries()) {
    if (key === '') errors.push(required(field));
    if (repeated.has(index)) errors.push(duplicate(field, key));
    append(errors, invalidEach(field, key, qualifiedName(key)));
  }
  return errors;
}

export function validateVolumeAttachment({ spec, status }: storagev1.VolumeAttachment): FieldError[] {
  const { attacher = '', nodeName = '', source } = spec ?? {};
  return [
    ...validateDriverName(attacher, 'spec.attacher'),
    ...validateSource(source, 'spec.source'),
    ...invalidEach('spec.nodeName', nodeName, dns1123Subdomain(nodeName)),
    ...validateAttachmentStatus(status),
  ];
}

export function validateVolumeAttachmentUpdate(
  attachment: storagev1.VolumeAttachment,
  old: storagev1.VolumeAttachment,
): FieldError[] {
  return [...validateVolumeAttachment(attachment), ...validateImmutable(attachment.spec, old.spec, 'spec')];
}

function validateSource(source: storagev1.VolumeAttachmentSource | undefined, field: string): FieldError[] {
  const { persistentVolumeName: name, inlineVolumeSpec } = source ?? {};
  if (name === undefined && inlineVolumeSpec === undefined) return [required(field, ONE_SOURCE)];
  if (name !== undefined && inlineVolumeSpec !== undefined) return [forbidden(field, ONE_SOURCE)];
  if (name === undefined) return [];
  const at = `${field}.persistentVolumeName`;
  return [
    ...(name === '' ? [required(at, 'must specify non empty persistentVolumeName')] : []),
    ...invalidEach(at, name, dns1123Subdomain(name)),
  ];
}

function validateAttachmentStatus(status: storagev1.VolumeAttachmentStatus | undefined): FieldError[] {
  const size = Object.entries(status?.attachmentMetadata ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key + value),
    0,
  );
  return [
    ...(size > METADATA_LIMIT_BYTES ? [tooLong('status.attachmentMetadata', METADATA_LIMIT_BYTES)] : []),
    ...validateVolumeError(status?.attachError, 'status.attachError'),
    ...validateVolumeError(status?.detachError, 'status.detachError'),
  ];
}

function validateVolumeError(error: storagev1.VolumeError | undefined, field: string): FieldError[] {
  const { message = '', errorCode } = error ?? {};
  const errors: FieldError[] = [];
  // Upstream names the other limit here.
  if (message.length > ERROR_MESSAGE_LIMIT) errors.push(tooLong(`${field}.message`, METADATA_LIMIT_BYTES));
  if (errorCode === undefined) return errors;
  return [...errors, ...invalidEach(`${field}.errorCode`, errorCode, inRange(errorCode, 0, 2147483647))];
}
