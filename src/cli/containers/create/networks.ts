import { isIP } from 'node:net';
import { BadRequest } from '../../../base/index.ts';
import type { EndpointSettings } from '../../../libpod/index.ts';
import type { FlagValues } from '../../grammar/index.ts';

/** What the network flags of run, create and pod create give. */
export interface NetworkFlags {
  /** Undefined: none was asked for. */
  mode?: string;
  /** Networks by name; `default` is the default one's. */
  endpoints: Record<string, EndpointSettings>;
}

const MODES = [
  'bridge',
  'slirp4netns',
  'pasta',
  'pod',
  'none',
  'default',
  'private',
  'ns',
  'container',
  'host',
];
const INVALID = 'invalid argument';

/** `--network` (repeatable), `--ip`, `--ip6`, `--mac-address`, `--network-alias`. @throws BadRequest in Podman's words */
export function parseNetworks(flags: FlagValues): NetworkFlags {
  const networks = flags.strings('network');
  const [first, ...others] = networks;
  const result: NetworkFlags = first === undefined ? { endpoints: {} } : parseFirst(first);
  for (const one of others) {
    if (!isBridge(result))
      throw new BadRequest(
        `cannot set multiple networks without bridge network mode, selected mode ${result.mode}: ${INVALID}`,
      );
    const [name, options] = cut(one);
    if (name === '') throw new BadRequest(`network name cannot be empty: ${INVALID}`);
    if (MODES.includes(name))
      throw new BadRequest(
        `can only set extra network names, selected mode ${name} conflicts with bridge: ${INVALID}`,
      );
    result.endpoints[name] = endpointOf(name, options);
  }
  addAddresses(result, flags);
  return result;
}

function parseFirst(text: string): NetworkFlags {
  const [name, options] = cut(text);
  switch (name) {
    case '':
      if (options !== undefined) throw new BadRequest('network name cannot be empty');
      return { endpoints: {} };
    case 'default':
    case 'private':
      return { endpoints: {} };
    case 'bridge':
      return { mode: 'bridge', endpoints: { default: bridgeOptions(options) } };
    case 'host':
    case 'none':
    case 'pod':
    case 'slirp4netns':
    case 'pasta':
      return { mode: text, endpoints: {} };
    case 'ns':
    case 'container':
      if (options === undefined) break;
      return { mode: text, endpoints: {} };
  }
  const names = options === undefined ? text.split(',') : [name];
  return {
    mode: names[0]!,
    endpoints: Object.fromEntries(names.map((one) => [one, endpointOf(one, options)])),
  };
}

function isBridge({ mode, endpoints }: NetworkFlags): boolean {
  return mode === 'bridge' || Object.keys(endpoints).length > 0;
}

function endpointOf(network: string, options: string | undefined): EndpointSettings {
  try {
    return bridgeOptions(options);
  } catch (error) {
    throw new BadRequest(`invalid option for network ${network}: ${(error as Error).message}`);
  }
}

function bridgeOptions(options: string | undefined): EndpointSettings {
  const settings: EndpointSettings = {};
  for (const option of options ? options.split(',') : []) {
    const equals = option.indexOf('=');
    const name = equals < 0 ? option : option.slice(0, equals);
    const value = equals < 0 ? '' : option.slice(equals + 1);
    switch (name) {
      case 'ip':
      case 'ip6':
        if (isIP(value) === 0) throw new BadRequest(`invalid ip address ${JSON.stringify(value)}`);
        addAddress(settings, value);
        break;
      case 'mac':
        settings.MacAddress = macAddress(value);
        break;
      case 'alias':
      case 'interface_name':
        if (value === '') throw new BadRequest(`${name} cannot be empty`);
        if (name === 'alias') settings.Aliases = [...(settings.Aliases ?? []), value];
        else settings.InterfaceName = value;
        break;
      default:
        throw new BadRequest(`unknown bridge network option: ${name}`);
    }
  }
  return settings;
}

function addAddress(settings: EndpointSettings, address: string): void {
  settings.IPAMConfig = {
    ...settings.IPAMConfig,
    [isIP(address) === 6 ? 'IPv6Address' : 'IPv4Address']: address,
  };
}

function addAddresses(result: NetworkFlags, flags: FlagValues): void {
  const given = ['ip', 'ip6', 'mac-address', 'network-alias'].filter((name) => flags.changed(name));
  if (given.length === 0) return;
  const isDefault = result.mode === undefined;
  if (Object.keys(result.endpoints).length === 0) result.endpoints.default = {};
  for (const name of given) {
    if (!isDefault && result.mode !== 'bridge' && Object.keys(result.endpoints).includes('default'))
      throw new BadRequest(`--${name} can only be set when the network mode is bridge: ${INVALID}`);
    const endpoints = Object.values(result.endpoints);
    if (name !== 'network-alias' && endpoints.length !== 1)
      throw new BadRequest(`--${name} can only be set for a single network: ${INVALID}`);
    const value = flags.string(name)!;
    if (name === 'network-alias')
      for (const one of endpoints) one.Aliases = [...flags.strings('network-alias')];
    else if (name === 'mac-address') endpoints[0]!.MacAddress = macAddress(value);
    else if (isIP(value) === 0) throw new BadRequest(`${JSON.stringify(value)} is not an ip address`);
    else addAddress(endpoints[0]!, value);
  }
}

function macAddress(text: string): string {
  if (!/^(?:[\da-f]{2}[:-]){5}[\da-f]{2}$/i.test(text))
    throw new BadRequest(`address ${text}: invalid MAC address`);
  return text.toLowerCase().replaceAll('-', ':');
}

function cut(text: string): [string, string | undefined] {
  const colon = text.indexOf(':');
  return colon < 0 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

/** `--add-host name:address`, `--dns`, `--dns-option`, `--dns-search`. @throws BadRequest in Podman's words */
export function parseNames(flags: FlagValues): {
  ExtraHosts?: string[];
  Dns?: string[];
  DnsOptions?: string[];
  DnsSearch?: string[];
} {
  const hosts = flags.strings('add-host').map((one) => one.replace(/^([^:=]+)=/, '$1:'));
  for (const host of hosts) {
    const [name, address] = cut(host);
    if (address === undefined || name === '')
      throw new BadRequest(`bad format for add-host: ${JSON.stringify(host)}`);
    if (address !== 'host-gateway' && isIP(address.replace(/^\[(.*)\]$/, '$1')) === 0)
      throw new BadRequest(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  const servers = flags.strings('dns');
  if (servers.includes('none') && servers.length > 1)
    throw new BadRequest('none is not allowed to be specified with other DNS ip addresses');
  for (const server of servers)
    if (server !== 'none' && isIP(server) === 0) throw new BadRequest(`${server} is not an ip address`);
  const searches = flags.strings('dns-search');
  if (searches.includes('.') && searches.length > 1)
    throw new BadRequest("cannot pass additional search domains when also specifying '.'");
  for (const domain of searches)
    if (domain !== '.' && !/^[\da-z](?:[\da-z_.-]*[\da-z])?\.?$/i.test(domain))
      throw new BadRequest(`${domain} is not a valid domain`);
  return {
    ...(hosts.length > 0 && { ExtraHosts: hosts }),
    ...(servers.length > 0 && { Dns: [...servers] }),
    ...(flags.strings('dns-option').length > 0 && { DnsOptions: [...flags.strings('dns-option')] }),
    ...(searches.length > 0 && { DnsSearch: [...searches] }),
  };
}
