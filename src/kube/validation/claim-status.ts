import { append, type FieldError } from '../../base/index.ts';
import type { resourcev1 } from '../types/index.generated.ts';
import { validateConditions } from './conditions.ts';
import {
  MOST_CONFIGS,
  requestNames,
  validateDeviceConfiguration,
  validateLabel,
  validateParameters,
  validateRequestNames,
  validateRequestReference,
} from './device-claims.ts';
import { forbidden, invalid, invalidEach, notSupported, required, tooLong, tooMany } from './field-errors.ts';
import { cidr, dns1123Subdomain } from './formats.ts';
import { addAll, validateItems, validateSet } from './item-lists.ts';
import { validateDriverName } from './names.ts';
import { validateNodeSelector } from './node-selectors.ts';
import { validateImmutable } from './object-meta.ts';

/** k8s.io/kubernetes/pkg/apis/resource/validation: status of a ResourceClaim. */

const MOST_CONSUMERS = 256;
const MOST_RESULTS = 32;
const MOST_CONDITIONS = 8;
const MOST_ADDRESSES = 16;
const POOL_NAME_LIMIT = 253;
const INTERFACE_NAME_LIMIT = 256;
const HARDWARE_ADDRESS_LIMIT = 128;
const SOURCES = ['FromClaim', 'FromClass'];

type Claim = resourcev1.ResourceClaim;

export function validateClaimStatus(claim: Claim, old: Claim): FieldError[] {
  const { allocation, reservedFor = [], devices } = claim.status ?? {};
  const results = allocation?.devices?.results ?? [];
  const allocated = new Set(results.map(deviceId));
  const errors = [
    ...validateSet(reservedFor, MOST_CONSUMERS, validateConsumer, 'status.reservedFor', {
      of: ({ uid = '' }) => uid,
      field: 'uid',
    }),
    ...validateSet(
      devices,
      Number.POSITIVE_INFINITY,
      (device, field) => validateDeviceStatus(device, field, allocated),
      'status.devices',
      { of: deviceId, field: 'deviceID' },
    ),
  ];
  if (reservedFor.length > 0 && allocation === undefined) {
    errors.push(forbidden('status.reservedFor', 'may not be specified when `allocated` is not set'));
  } else if (claim.metadata.deletionTimestamp !== undefined) {
    const before = new Set((old.status?.reservedFor ?? []).map(({ uid }) => uid));
    if (reservedFor.some(({ uid }) => !before.has(uid))) {
      const why = 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set';
      errors.push(forbidden('status.reservedFor', why));
    }
  }
  if (allocation === undefined) return errors;
  if (old.status?.allocation !== undefined) {
    return [...errors, ...validateImmutable(allocation, old.status.allocation, 'status.allocation')];
  }
  return [...errors, ...validateAllocation(allocation, requestNames(claim.spec))];
}

/** `driver/pool/device`. */
export function deviceId({ driver, pool, device }: { driver: string; pool: string; device: string }): string {
  return `${driver}/${pool}/${device}`;
}

function validateConsumer(
  consumer: Partial<resourcev1.ResourceClaimConsumerReference>,
  field: string,
): FieldError[] {
  return (['resource', 'name', 'uid'] as const)
    .filter((name) => !consumer[name])
    .map((name) => required(`${field}.${name}`));
}

function validateAllocation(
  { devices, nodeSelector }: resourcev1.AllocationResult,
  names: ReadonlySet<string>,
): FieldError[] {
  const at = 'status.allocation';
  return [
    ...validateItems(
      devices?.results,
      MOST_RESULTS,
      (result, field) => [
        ...validateRequestReference(result.request ?? '', `${field}.request`, names),
        ...validateDeviceId(result, field),
      ],
      `${at}.devices.results`,
    ),
    ...validateItems(
      devices?.config,
      2 * MOST_CONFIGS,
      (config, field) => [
        ...validateSource(config.source ?? '', `${field}.source`),
        ...validateRequestNames(config.requests, `${field}.requests`, names),
        ...validateDeviceConfiguration(config, field),
      ],
      `${at}.devices.config`,
    ),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, `${at}.nodeSelector`)),
  ];
}

function validateSource(source: string, field: string): FieldError[] {
  if (source === '') return [required(field)];
  return SOURCES.includes(source) ? [] : [notSupported(field, source, SOURCES)];
}

function validateDeviceId(
  { driver = '', pool = '', device = '' }: { driver?: string; pool?: string; device?: string },
  field: string,
): FieldError[] {
  return [
    ...validateDriverName(driver, `${field}.driver`),
    ...validatePoolName(pool, `${field}.pool`),
    ...validateLabel(device, `${field}.device`),
  ];
}

/** One or more subdomains with slashes between. */
export function validatePoolName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  return [
    ...(name.length > POOL_NAME_LIMIT ? [tooLong(field, POOL_NAME_LIMIT)] : []),
    ...name.split('/').flatMap((part) => invalidEach(field, part, dns1123Subdomain(part))),
  ];
}

function validateDeviceStatus(
  device: resourcev1.AllocatedDeviceStatus,
  field: string,
  allocated: ReadonlySet<string>,
): FieldError[] {
  const { conditions = [], data, networkData } = device;
  const errors = validateDeviceId(device, field);
  if (!allocated.has(deviceId(device))) {
    errors.push(invalid(field, deviceId(device), 'must be an allocated device in the claim'));
  }
  if (conditions.length > MOST_CONDITIONS) {
    errors.push(tooMany(`${field}.conditions`, conditions.length, MOST_CONDITIONS));
  }
  addAll(errors, validateConditions(conditions, `${field}.conditions`));
  if (data !== undefined) append(errors, validateParameters(data, `${field}.data`));
  return networkData === undefined
    ? errors
    : [...errors, ...validateNetworkData(networkData, `${field}.networkData`)];
}

function validateNetworkData(data: resourcev1.NetworkDeviceData, field: string): FieldError[] {
  const { interfaceName = '', hardwareAddress = '', ips } = data;
  const errors: FieldError[] = [];
  if (interfaceName.length > INTERFACE_NAME_LIMIT) {
    errors.push(tooLong(`${field}.interfaceName`, INTERFACE_NAME_LIMIT));
  }
  if (hardwareAddress.length > HARDWARE_ADDRESS_LIMIT) {
    errors.push(tooLong(`${field}.hardwareAddress`, HARDWARE_ADDRESS_LIMIT));
  }
  const check = (address: string, at: string) => invalidEach(at, address, cidr(address));
  return [
    ...errors,
    ...validateSet(ips, MOST_ADDRESSES, check, `${field}.ips`, { of: (address) => address }),
  ];
}
