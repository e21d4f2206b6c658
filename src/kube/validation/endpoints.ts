import { append, type FieldError } from '../../base/index.ts';
import type { corev1, discoveryv1 } from '../types/index.generated.ts';
import { PORT_PROTOCOLS, validateChoice } from './containers.ts';
import { duplicate, invalidEach, notSupported, required, tooMany } from './field-errors.ts';
import {
  dns1123Label,
  dns1123Subdomain,
  ipAddress,
  ipFamilyOf,
  portNumber,
  qualifiedName,
} from './formats.ts';
import { validateImmutable } from './object-meta.ts';
import { validateNonSpecialIp } from './special-addresses.ts';

export function validateEndpoints(endpoints: corev1.Endpoints): FieldError[] {
  return (endpoints.subsets ?? []).flatMap((subset, index) => {
    const at = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    const errors: FieldError[] = [];
    if (addresses.length === 0 && notReadyAddresses.length === 0) {
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'));
    }
    return [
      ...errors,
      ...addresses.flatMap((address, number) => validateAddress(address, `${at}.addresses[${number}]`)),
      ...notReadyAddresses.flatMap((address, number) =>
        validateAddress(address, `${at}.notReadyAddresses[${number}]`),
      ),
      ...ports.flatMap((port, number) => validatePort(port, ports.length > 1, `${at}.ports[${number}]`)),
    ];
  });
}

function validateAddress(address: corev1.EndpointAddress, field: string): FieldError[] {
  const { ip = '', hostname, nodeName } = address;
  const wrong = invalidEach(`${field}.ip`, ip, ipAddress(ip));
  return [
    ...wrong,
    ...(hostname ? invalidEach(`${field}.hostname`, hostname, dns1123Label(hostname)) : []),
    ...(nodeName === undefined ? [] : invalidEach(`${field}.nodeName`, nodeName, dns1123Subdomain(nodeName))),
    ...(wrong.length > 0 ? [] : validateNonSpecialIp(ip, `${field}.ip`)),
  ];
}

function validatePort(port: corev1.EndpointPort, nameNeeded: boolean, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (port.name) append(errors, invalidEach(`${field}.name`, port.name, dns1123Label(port.name)));
  else if (nameNeeded) errors.push(required(`${field}.name`));
  append(errors, invalidEach(`${field}.port`, port.port ?? 0, portNumber(port.port ?? 0)));
  append(errors, validateChoice(port.protocol, PORT_PROTOCOLS, `${field}.protocol`));
  if (port.appProtocol !== undefined) {
    append(errors, invalidEach(`${field}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
  }
  return errors;
}

const ADDRESS_TYPES = ['FQDN', 'IPv4', 'IPv6'];
const MOST_ENDPOINTS = 1000;
const MOST_PORTS = 20000;
const MOST_ADDRESSES = 100;
const MOST_ZONE_HINTS = 8;

/** k8s.io/kubernetes/pkg/apis/discovery/validation.ValidateEndpointSlice. */
export function validateEndpointSlice(slice: discoveryv1.EndpointSlice): FieldError[] {
  const type = slice.addressType ?? '';
  const endpoints = slice.endpoints ?? [];
  const errors: FieldError[] = [];
  if (type === '') errors.push(required('addressType'));
  else if (!ADDRESS_TYPES.includes(type)) errors.push(notSupported('addressType', type, ADDRESS_TYPES));
  if (endpoints.length > MOST_ENDPOINTS) {
    errors.push(tooMany('endpoints', endpoints.length, MOST_ENDPOINTS));
  } else {
    endpoints.forEach((endpoint, index) => {
      append(errors, validateEndpoint(endpoint, type, `endpoints[${index}]`));
    });
  }
  return [...errors, ...validateSlicePorts(slice.ports)];
}

export function validateEndpointSliceUpdate(
  slice: discoveryv1.EndpointSlice,
  old: discoveryv1.EndpointSlice,
): FieldError[] {
  return [
    ...validateEndpointSlice(slice),
    ...validateImmutable(slice.addressType, old.addressType, 'addressType'),
  ];
}

function validateEndpoint(endpoint: discoveryv1.Endpoint, type: string, field: string): FieldError[] {
  const addresses = endpoint.addresses ?? [];
  const errors: FieldError[] = [];
  if (addresses.length === 0) {
    errors.push(required(`${field}.addresses`, 'must contain at least 1 address'));
  } else if (addresses.length > MOST_ADDRESSES) {
    errors.push(tooMany(`${field}.addresses`, addresses.length, MOST_ADDRESSES));
  }
  addresses.forEach((address, index) => {
    append(errors, validateSliceAddress(address, type, `${field}.addresses[${index}]`));
  });
  if (endpoint.nodeName !== undefined) {
    append(errors, invalidEach(`${field}.nodeName`, endpoint.nodeName, dns1123Subdomain(endpoint.nodeName)));
  }
  if (endpoint.hostname !== undefined) {
    append(errors, invalidEach(`${field}.hostname`, endpoint.hostname, dns1123Label(endpoint.hostname)));
  }
  const zones = endpoint.hints?.forZones ?? [];
  if (zones.length > MOST_ZONE_HINTS) {
    errors.push(tooMany(`${field}.hints.forZones`, zones.length, MOST_ZONE_HINTS));
  }
  const seen = new Set<string>();
  for (const [index, { name }] of zones.entries()) {
    const at = `${field}.hints.forZones[${index}].name`;
    if (seen.has(name)) errors.push(duplicate(at, name));
    seen.add(name);
  }
  return errors;
}

function validateSliceAddress(address: string, type: string, field: string): FieldError[] {
  if (type === 'FQDN') return invalidEach(field, address, dns1123Subdomain(address));
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  if (ipFamilyOf(address) !== type) {
    return invalidEach(field, address, [`must be a valid ${type} address`]);
  }
  return validateNonSpecialIp(address, field);
}

function validateSlicePorts(ports: readonly discoveryv1.EndpointPort[] | undefined): FieldError[] {
  const all = ports ?? [];
  if (all.length > MOST_PORTS) return [tooMany('ports', all.length, MOST_PORTS)];
  const names = new Set<string>();
  return all.flatMap((port, index) => {
    const at = `ports[${index}]`;
    const errors: FieldError[] = [];
    const name = port.name ?? '';
    if (name !== '') append(errors, invalidEach(`${at}.name`, name, dns1123Label(name)));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (port.port !== undefined) append(errors, invalidEach(`${at}.port`, port.port, portNumber(port.port)));
    append(errors, validateChoice(port.protocol, PORT_PROTOCOLS, `${at}.protocol`));
    if (port.appProtocol !== undefined) {
      append(errors, invalidEach(`${at}.appProtocol`, port.appProtocol, qualifiedName(port.appProtocol)));
    }
    return errors;
  });
}
