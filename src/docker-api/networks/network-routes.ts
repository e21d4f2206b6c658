import { BadRequest, Conflict, NotFound } from '../../base/index.ts';
import type { CreateNetwork, Filters, NetworkConfig } from '../../libpod/index.ts';
import { readFields } from '../containers/body-reader.ts';
import { readEndpoint } from '../containers/create-body.ts';
import type { Fields } from '../containers/create-schema.ts';
import { dockerNetworkName } from '../containers/network-shape.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import { filterFlag } from '../http/filters.ts';
import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import type { Route } from '../http/router.ts';

export function networkRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'GET', path: '/networks', handler: (x) => list(context, x) },
    { method: 'POST', path: '/networks/create', handler: (x) => create(context, x) },
    { method: 'POST', path: '/networks/prune', handler: (x) => prune(context, x) },
    { method: 'GET', path: '/networks/{name}', handler: (x) => inspect(context, x) },
    { method: 'DELETE', path: '/networks/{name}', handler: (x) => remove(context, x) },
    { method: 'POST', path: '/networks/{name}/connect', handler: (x) => connect(context, x) },
    { method: 'POST', path: '/networks/{name}/disconnect', handler: (x) => disconnect(context, x) },
  ];
}

/** Docker counts these two among its networks; they are modes, and nothing can be done with them. */
const MODES = ['host', 'none'];

function modeNetwork(name: string): Record<string, unknown> {
  return {
    ...{ Name: name, Id: name, Created: '0001-01-01T00:00:00Z', Scope: 'local' },
    Driver: name === 'none' ? 'null' : 'host',
    ...{ EnableIPv6: false, IPAM: { Driver: 'default', Options: null, Config: [] }, Internal: false },
    ...{ Attachable: false, Ingress: false, ConfigFrom: { Network: '' }, ConfigOnly: false },
    ...{ Containers: {}, Options: {}, Labels: {} },
  };
}

function networkShape(network: NetworkConfig): Record<string, unknown> {
  return {
    Name: dockerNetworkName(network.Name),
    Id: network.Id,
    Created: network.Created,
    Scope: 'local',
    Driver: network.Driver,
    EnableIPv6: network.EnableIPv6,
    IPAM: {
      Driver: ['', 'host-local'].includes(network.IPAM.Driver) ? 'default' : network.IPAM.Driver,
      Options: network.IPAM.Options,
      Config: network.IPAM.Config.map(({ Subnet, Gateway, IPRange }) => ({
        Subnet,
        ...(Gateway && { Gateway }),
        ...(IPRange && { IPRange }),
      })),
    },
    ...{ Internal: network.Internal, Attachable: false, Ingress: false, ConfigFrom: { Network: '' } },
    ...{ ConfigOnly: false, Containers: {}, Options: network.Options, Labels: network.Labels },
  };
}

const LIST_FILTERS = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type', 'until'];

async function list({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const { scope, type, dangling, ...filters } = x.filters(LIST_FILTERS);
  if (type?.some((one) => !['custom', 'builtin'].includes(one)))
    throw new BadRequest(`invalid filter: 'type'='${type[0]}'`);
  const isDangling = filterFlag({ ...(dangling && { dangling }) }, 'dangling');
  let networks = (await libpod.networks.list(filters)).map(networkShape);
  if (Object.keys(filters).length === 0) networks.push(...MODES.map(modeNetwork));
  else networks.push(...MODES.map(modeNetwork).filter((one) => isMode(one, filters)));
  if (scope !== undefined && !scope.includes('local')) networks = [];
  if (type !== undefined)
    networks = networks.filter((one) => type.includes(isBuiltin(one) ? 'builtin' : 'custom'));
  if (isDangling !== undefined) {
    const used = await usedNetworks(libpod);
    networks = networks.filter((one) => !isBuiltin(one) && used.has(String(one.Name)) === !isDangling);
  }
  x.send(200, networks);
}

function isBuiltin(network: Record<string, unknown>): boolean {
  return ['bridge', ...MODES].includes(String(network.Name));
}

function isMode(network: Record<string, unknown>, filters: Filters): boolean {
  return Object.entries(filters).every(([key, values]) => {
    if (key === 'name' || key === 'id') return values.some((one) => String(network.Name).includes(one));
    return key === 'driver' && values.includes(String(network.Driver));
  });
}

async function usedNetworks(libpod: ApiContext['libpod']): Promise<Set<string>> {
  const containers = await libpod.containers.list({ all: true });
  return new Set(containers.flatMap((one) => one.networks.map(({ name }) => dockerNetworkName(name))));
}

async function inspect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const name = x.name();
  const scope = x.text('scope');
  if (scope !== undefined && scope !== 'local') throw new NotFound(`network ${name} not found`);
  if (MODES.includes(name)) return x.send(200, modeNetwork(name));
  const network = await libpod.networks.inspect(name);
  const containers: Record<string, unknown> = {};
  for (const one of await libpod.containers.list({ filters: { network: [network.Name] } })) {
    const endpoint = (await libpod.networks.endpointsOf(one.id))[network.Name];
    const address = (isV6: boolean): string => {
      const at = endpoint?.addresses.findIndex((it) => it.includes(':') === isV6) ?? -1;
      return at < 0 ? '' : `${endpoint!.addresses[at]}/${endpoint!.prefixLengths[at]}`;
    };
    containers[one.id] = {
      Name: one.name,
      EndpointID: endpoint?.networkId ?? '',
      MacAddress: endpoint?.macAddress ?? '',
      IPv4Address: address(false),
      IPv6Address: address(true),
    };
  }
  x.send(200, { ...networkShape(network), Containers: containers });
}

const CREATE_FIELDS: Fields = {
  ...{ Name: 'string', CheckDuplicate: 'bool', Driver: 'string', EnableIPv6: 'bool', EnableIPv4: 'bool' },
  ...{ Internal: 'bool', Attachable: 'bool', Options: 'map', Labels: 'map' },
  IPAM: {
    ...{ Driver: 'string', Options: 'map' },
    Config: [{ Subnet: 'string', Gateway: 'string', IPRange: 'string', AuxiliaryAddresses: 'map' }],
  },
};

async function create({ libpod }: ApiContext, x: Exchange): Promise<void> {
  // Scope is "local" or nothing; the rest is swarm's, or says where another network's settings are.
  const body = readFields(await x.json(), { ...CREATE_FIELDS, Scope: 'string' }, '') as CreateNetwork & {
    CheckDuplicate?: boolean;
    Attachable?: boolean;
    EnableIPv4?: boolean;
    Scope?: string;
  };
  if (!body.Name) throw new BadRequest('network name cannot be empty');
  if (body.Scope && body.Scope !== 'local') throw new BadRequest(`Scope "${body.Scope}" is not supported`);
  if (body.EnableIPv4 === false) throw new BadRequest('EnableIPv4=false is not supported');
  if (body.Driver === 'overlay')
    throw new Refusal(403, 'This node is not a swarm manager: networks of the driver "overlay" need one');
  if (['bridge', 'default', ...MODES].includes(body.Name))
    throw new Conflict(`operation is not permitted on predefined ${body.Name} network`);
  // Addresses that others have are a thing of this file only when there are any.
  for (const one of body.IPAM?.Config ?? [])
    if (Object.keys((one as { AuxiliaryAddresses?: object }).AuxiliaryAddresses ?? {}).length > 0)
      throw new BadRequest('IPAM.Config.AuxiliaryAddresses is not supported');
  const { CheckDuplicate: _, Attachable: __, EnableIPv4: ___, Scope: ____, ...wanted } = body;
  if (wanted.IPAM?.Driver === 'default') delete wanted.IPAM.Driver;
  const network = await libpod.networks.create(wanted);
  x.send(201, { Id: network.Id, Warning: '' });
}

async function remove({ libpod }: ApiContext, x: Exchange): Promise<void> {
  refuseBuiltin(x.name());
  const network = await libpod.networks.inspect(x.name());
  refuseBuiltin(dockerNetworkName(network.Name));
  await libpod.networks.remove(network.Name);
  x.done();
}

function refuseBuiltin(name: string): void {
  if (['bridge', ...MODES].includes(name))
    throw new Refusal(403, `${name} is a pre-defined network and cannot be removed`);
}

async function connect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const body = readFields(await x.json(), { Container: 'string', EndpointConfig: 'any' }, '') as {
    Container?: string;
    EndpointConfig?: unknown;
  };
  if (!body.Container) throw new BadRequest('the body names no container (Container)');
  refuseMode(x.name());
  const settings = readEndpoint(body.EndpointConfig, 'EndpointConfig');
  await libpod.networks.connect(x.name(), body.Container, settings);
  x.done(200);
}

async function disconnect({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const body = readFields(await x.json(), { Container: 'string', Force: 'bool' }, '') as {
    Container?: string;
    Force?: boolean;
  };
  if (!body.Container) throw new BadRequest('the body names no container (Container)');
  refuseMode(x.name());
  await libpod.networks.disconnect(x.name(), body.Container, { force: body.Force ?? false });
  x.done(200);
}

function refuseMode(name: string): void {
  if (MODES.includes(name))
    throw new Refusal(403, `container cannot be connected to or disconnected from ${name} network`);
}

async function prune({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const deleted = await libpod.networks.prune(x.filters(['label', 'label!', 'until']));
  x.send(200, { NetworksDeleted: deleted });
}
