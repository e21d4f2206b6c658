import { BadRequest } from '../../base/index.ts';
import type { ContainerConfig, CreateOptions, EndpointSettings, HostConfig } from '../../libpod/index.ts';
import { readFields } from './body-reader.ts';
import {
  CONFIG_FIELDS,
  ENDPOINT_FIELDS,
  ENDPOINT_STATE,
  HOST_CONFIG_FIELDS,
  IGNORED,
} from './create-schema.ts';

/**
 * Docker's create body as libpod takes it. At the top, what is unknown is ignored as dockerd does (clients put
 * their own options there); what is known and has the wrong type, and anything unknown in HostConfig, is refused.
 * @throws BadRequest
 */
export function readCreateBody(
  body: Record<string, unknown>,
  name: string | undefined,
  platform: string | undefined,
): CreateOptions {
  const config = readConfig(body);
  const hostConfig = readFields(
    memberOf(body, 'HostConfig'),
    HOST_CONFIG_FIELDS,
    'HostConfig',
    IGNORED,
  ) as HostConfig;
  checkHostConfig(hostConfig);
  const endpoints = readEndpoints(memberOf(body, 'NetworkingConfig'));
  const { MacAddress, ...rest } = config;
  const mac = MacAddress === undefined || MacAddress === '' ? undefined : MacAddress;
  if (mac !== undefined) giveMac(endpoints, hostConfig.NetworkMode ?? 'default', mac);
  if (name !== undefined) checkName(name);
  return {
    ...(name !== undefined && { Name: name }),
    Config: rest,
    HostConfig: hostConfig,
    ...(Object.keys(endpoints).length > 0 && { NetworkingConfig: { EndpointsConfig: endpoints } }),
    ...(platform !== undefined && { Platform: platform }),
  };
}

/** ContainerConfig, also of `commit`. @throws BadRequest */
export function readConfig(body: Record<string, unknown>): ContainerConfig & { MacAddress?: string } {
  const known = new Set(Object.keys(CONFIG_FIELDS).map((key) => key.toLowerCase()));
  const mine = Object.fromEntries(Object.entries(body).filter(([key]) => known.has(key.toLowerCase())));
  const config = readFields(mine, CONFIG_FIELDS, '') as Partial<ContainerConfig>;
  return { Image: '', ...config };
}

function memberOf(body: Record<string, unknown>, name: string): unknown {
  const key = Object.keys(body).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : body[key];
}

function readEndpoints(networking: unknown): Record<string, EndpointSettings> {
  const { EndpointsConfig } = readFields(networking, { EndpointsConfig: 'any' }, 'NetworkingConfig');
  const endpoints: Record<string, EndpointSettings> = {};
  if (EndpointsConfig === undefined) return endpoints;
  if (typeof EndpointsConfig !== 'object' || EndpointsConfig === null || Array.isArray(EndpointsConfig))
    throw new BadRequest('invalid JSON: NetworkingConfig.EndpointsConfig is not an object');
  for (const [network, settings] of Object.entries(EndpointsConfig))
    endpoints[network] = readEndpoint(settings, `NetworkingConfig.EndpointsConfig.${network}`);
  return endpoints;
}

/** EndpointSettings, also of `networks/{id}/connect`. @throws BadRequest */
export function readEndpoint(value: unknown, at: string): EndpointSettings {
  return readFields(value, ENDPOINT_FIELDS, at, ENDPOINT_STATE) as EndpointSettings;
}

/** Before API 1.44 the address of the main network stood in the container's own configuration. */
function giveMac(endpoints: Record<string, EndpointSettings>, mode: string, mac: string): void {
  const network = mode === 'default' || mode === '' ? 'bridge' : mode;
  const found = endpoints[mode] ?? endpoints[network];
  if (found !== undefined) found.MacAddress ??= mac;
  else endpoints[network] = { MacAddress: mac };
}

function checkHostConfig(hostConfig: HostConfig): void {
  const bindings: unknown = hostConfig.PortBindings;
  if (bindings !== undefined) {
    if (typeof bindings !== 'object' || bindings === null || Array.isArray(bindings))
      throw new BadRequest('invalid JSON: HostConfig.PortBindings is not an object');
    for (const [port, list] of Object.entries(bindings)) {
      checkBindings(port, list);
      // Any free one; clients say it in both ways.
      for (const one of list ?? []) if (one.HostPort === '0') one.HostPort = '';
    }
  }
  const size: unknown = hostConfig.ConsoleSize;
  if (size !== undefined && !(Array.isArray(size) && size.length === 2 && size.every(Number.isInteger)))
    throw new BadRequest('invalid JSON: HostConfig.ConsoleSize is not two numbers');
  // Clients say with 0 that they do not know.
  if (hostConfig.ConsoleSize?.every((one) => one === 0)) delete hostConfig.ConsoleSize;
}

function checkBindings(port: string, list: unknown): void {
  if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/.test(port))
    throw new BadRequest(`invalid port specification: "${port}"`);
  if (list === null) return;
  if (!Array.isArray(list))
    throw new BadRequest(`invalid JSON: HostConfig.PortBindings.${port} is not a list`);
  for (const one of list)
    readFields(one, { HostIp: 'string', HostPort: 'string' }, `HostConfig.PortBindings.${port}`);
}

/** Docker's words; daemon/names.go of moby. */
export function checkName(name: string): void {
  if (!/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    throw new BadRequest(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}
