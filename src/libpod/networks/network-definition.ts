import { randomBytes } from 'node:crypto';
import { BadRequest, OrreryError } from '../../base/index.ts';
import { canonicalAddress, IpRange } from '../../engine/index.ts';
import type { CreateNetwork, NetworkConfig } from '../libpod.ts';
import type { NetworkDefinition } from './network-records.ts';

/** Podman's name of the network that is always there; Docker calls it `bridge`. */
export const DEFAULT_NETWORK = 'podman';
/** Podman's id of it, the same everywhere. */
const DEFAULT_ID = '2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9';
const DEFAULT_SUBNET = '10.88.0.0/16';
const FIRST_FREE = IpRange.parse('10.89.0.0/24');
const LAST_FREE = IpRange.parse('10.255.255.0/24');

const RESERVED = ['none', 'host', 'bridge', 'private', 'slirp4netns', 'pasta', 'container', 'ns', 'default'];
const MODES = {
  macvlan: ['private', 'vepa', 'bridge', 'passthru'],
  ipvlan: ['l2', 'l3', 'l3s'],
} as const;

export interface DefinitionContext {
  nowMs: number;
  /** Ranges of other networks, and where the host's routes lead. */
  used: readonly IpRange[];
  existing: readonly NetworkConfig[];
  /** Of this instance's bridges: `orr1a2b3cp`; a number follows. */
  bridgePrefix: string;
  /** Links of the host: parents of macvlan. */
  links: readonly string[];
  /** The link of the default route. */
  defaultLink?: string;
}

export function defaultNetwork(bridgePrefix: string, nowMs: number): NetworkDefinition {
  return {
    Name: DEFAULT_NETWORK,
    Id: DEFAULT_ID,
    Created: new Date(nowMs).toISOString(),
    Driver: 'bridge',
    EnableIPv6: false,
    Internal: false,
    DnsEnabled: false,
    DnsServers: [],
    Interface: `${bridgePrefix}0`,
    IPAM: {
      Driver: 'host-local',
      Options: {},
      Config: [{ Subnet: DEFAULT_SUBNET, Gateway: IpRange.parse(DEFAULT_SUBNET).at(1) }],
    },
    Options: {},
    Labels: {},
    Routes: [],
    hasChosenSubnets: true,
  };
}

/** Fills in what was left open and refuses what is not supported. @throws BadRequest */
export function defineNetwork(asked: CreateNetwork, context: DefinitionContext): NetworkDefinition {
  const driver = asked.Driver === undefined || asked.Driver === '' ? 'bridge' : asked.Driver;
  if (driver !== 'bridge' && driver !== 'macvlan' && driver !== 'ipvlan')
    throw new BadRequest(`unsupported driver ${driver}: invalid argument`);
  const name = checkedName(asked.Name, context);
  const options = { ...asked.Options };
  const parent = driver === 'bridge' ? undefined : parentOf(options, asked.Interface, context);
  const bridge = driver === 'bridge' ? bridgeOf(options, asked.Interface, context) : undefined;
  checkOptions(driver, options);
  const ipamDriver = ipamOf(asked, driver);
  const subnets = ipamDriver === 'none' ? [] : subnetsOf(asked, context);
  const hasChosenSubnets = ipamDriver !== 'none' && (asked.IPAM?.Config ?? []).length === 0;
  const isDnsEnabled = asked.DisableDns !== true && driver === 'bridge' && ipamDriver !== 'none';
  const dnsServers = (asked.DnsServers ?? []).map((server) => {
    const address = canonicalAddress(server);
    if (address === undefined)
      throw new BadRequest(`unable to parse ip ${server} specified in NetworkDNSServers: invalid argument`);
    return address;
  });
  if (dnsServers.length > 0 && !isDnsEnabled)
    throw new BadRequest(
      'cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument',
    );
  return {
    Name: name,
    Id: randomBytes(32).toString('hex'),
    Created: new Date(context.nowMs).toISOString(),
    Driver: driver,
    EnableIPv6: asked.EnableIPv6 === true || subnets.some((one) => one.Subnet.includes(':')),
    Internal: asked.Internal === true,
    DnsEnabled: isDnsEnabled,
    DnsServers: dnsServers,
    Interface: bridge ?? parent!,
    IPAM: { Driver: ipamDriver, Options: {}, Config: subnets },
    Options: options,
    Labels: { ...asked.Labels },
    Routes: routesOf(asked),
    ...(hasChosenSubnets && { hasChosenSubnets }),
  };
}

function checkedName(asked: string | undefined, context: DefinitionContext): string {
  const names = new Set(context.existing.map((network) => network.Name));
  if (asked === undefined || asked === '') {
    let number = 1;
    while (names.has(`${DEFAULT_NETWORK}${number}`)) number += 1;
    return `${DEFAULT_NETWORK}${number}`;
  }
  if (RESERVED.includes(asked))
    throw new BadRequest(
      `cannot create network with name ${JSON.stringify(asked)} because it conflicts with a valid network mode`,
    );
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(asked) || asked.length > 200)
    throw new BadRequest(
      `network name ${asked} invalid: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument`,
    );
  return asked;
}

/** The bridge's name: asked for, or the instance's next. Docker's spelling of options becomes Podman's. */
function bridgeOf(
  options: Record<string, string>,
  asked: string | undefined,
  context: DefinitionContext,
): string {
  const renamed = { 'com.docker.network.driver.mtu': 'mtu', 'com.docker.network.mtu': 'mtu' };
  for (const [from, to] of Object.entries(renamed)) {
    if (options[from] === undefined) continue;
    options[to] ??= options[from];
    delete options[from];
  }
  const name = options['com.docker.network.bridge.name'] ?? asked;
  delete options['com.docker.network.bridge.name'];
  if (name !== undefined && name !== '') {
    if (!/^[^/\s:"]{1,15}$/.test(name) || name === '.' || name === '..')
      throw new BadRequest(`bridge name ${name} invalid: a link has a name of 1 to 15 characters`);
    if (context.existing.some((network) => network.Interface === name))
      throw new BadRequest(`bridge name ${name} already in use`);
    return name;
  }
  const taken = new Set([...context.existing.map((network) => network.Interface), ...context.links]);
  let number = 1;
  while (taken.has(`${context.bridgePrefix}${number}`)) number += 1;
  return `${context.bridgePrefix}${number}`;
}

function parentOf(
  options: Record<string, string>,
  asked: string | undefined,
  context: DefinitionContext,
): string {
  const parent = options.parent ?? asked ?? context.defaultLink;
  delete options.parent;
  if (parent === undefined || parent === '')
    throw new BadRequest('failed to get default network interface: give one with --opt parent=INTERFACE');
  if (!context.links.includes(parent)) throw new BadRequest(`parent interface ${parent} does not exist`);
  return parent;
}

function checkOptions(driver: 'bridge' | 'macvlan' | 'ipvlan', options: Record<string, string>): void {
  for (const [key, value] of Object.entries(options)) {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
    if (key === 'mtu') {
      if (!(number >= 0)) throw new BadRequest(`mtu ${value} is not a number above 0`);
    } else if (key === 'mode' && driver !== 'bridge') {
      if (!(MODES[driver] as readonly string[]).includes(value))
        throw new BadRequest(`unknown ${driver} mode ${JSON.stringify(value)}`);
    } else if (key === 'vlan' && driver === 'bridge') {
      if (!(number >= 0 && number <= 4094))
        throw new BadRequest(`vlan ID ${value} must be between 0 and 4094`);
    } else if (key === 'metric' && driver === 'bridge') {
      if (Number.isNaN(number)) throw new BadRequest(`metric ${value} is not a number`);
    } else if (key === 'no_default_route' || (key === 'isolate' && driver === 'bridge')) {
      options[key] = goBool(key, value);
    } else if (driver === 'bridge' && key in DOCKER_DEFAULTS) {
      if (goBool(key, value) !== DOCKER_DEFAULTS[key])
        throw new BadRequest(`unsupported bridge network option ${key}=${value}`);
    } else throw new BadRequest(`unsupported ${driver} network option ${key}`);
  }
}

/** Options of Docker's that say what is so anyway. */
const DOCKER_DEFAULTS: Record<string, string> = {
  'com.docker.network.bridge.enable_icc': 'true',
  'com.docker.network.bridge.enable_ip_masquerade': 'true',
  'com.docker.network.bridge.default_bridge': 'false',
};

/** strconv.ParseBool */
function goBool(key: string, value: string): string {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(value)) return 'true';
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return 'false';
  throw new BadRequest(`option ${key}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

function ipamOf(asked: CreateNetwork, driver: string): string {
  const hasSubnets = (asked.IPAM?.Config ?? []).some((one) => one.Subnet !== undefined);
  const given = asked.IPAM?.Driver;
  const wanted = given === undefined || given === '' || given === 'default' ? undefined : given;
  if (Object.keys(asked.IPAM?.Options ?? {}).length > 0)
    throw new BadRequest(`unsupported ipam option ${Object.keys(asked.IPAM!.Options!)[0]}`);
  if (wanted !== undefined && !['host-local', 'dhcp', 'none'].includes(wanted))
    throw new BadRequest(`unsupported ipam driver ${JSON.stringify(wanted)}`);
  if (wanted === 'none') {
    if (hasSubnets) throw new BadRequest('none ipam driver is set but subnets are given');
    return 'none';
  }
  if (wanted === 'dhcp' || (driver !== 'bridge' && !hasSubnets && wanted === undefined))
    throw new OrreryError(
      'BadRequest',
      `the ipam driver dhcp is not supported: give the ${driver} network a --subnet`,
    );
  if (driver !== 'bridge' && !hasSubnets)
    throw new BadRequest(
      `${driver} driver needs at least one subnet specified when the host-local ipam driver is set`,
    );
  return 'host-local';
}

function subnetsOf(asked: CreateNetwork, context: DefinitionContext): NetworkConfig['IPAM']['Config'] {
  const given = asked.IPAM?.Config ?? [];
  // A name server answers on the gateway.
  const isAddressed = asked.Internal !== true || asked.DisableDns !== true;
  const used = [...context.used];
  const subnets = given.map((one) => {
    if (one.Subnet === undefined || one.Subnet === '')
      throw new BadRequest('cannot set gateway or range without subnet');
    const range = IpRange.parse(one.Subnet);
    if (
      asked.Driver !== 'macvlan' &&
      asked.Driver !== 'ipvlan' &&
      used.some((other) => other.overlaps(range))
    )
      throw new BadRequest(`subnet ${range} is already used on the host or by another config`);
    used.push(range);
    return subnetOf(range, one, isAddressed);
  });
  const has = (family: 4 | 6) => subnets.some((one) => one.Subnet.includes(':') === (family === 6));
  if (given.length === 0) subnets.push(subnetOf(freeSubnet(used), {}, isAddressed));
  if (asked.EnableIPv6 === true && !has(6)) subnets.push(subnetOf(freeIpv6Subnet(used), {}, isAddressed));
  if (asked.EnableIPv6 === true && !has(4)) subnets.push(subnetOf(freeSubnet(used), {}, isAddressed));
  return subnets;
}

function subnetOf(
  range: IpRange,
  given: { Gateway?: string; IPRange?: string },
  isAddressed: boolean,
): NetworkConfig['IPAM']['Config'][number] {
  const gateway = given.Gateway || (isAddressed ? range.at(range.size > 1n ? 1 : 0) : undefined);
  if (gateway !== undefined && !range.contains(gateway))
    throw new BadRequest(`gateway ${gateway} not in subnet ${range}`);
  return {
    Subnet: String(range),
    ...(gateway !== undefined && { Gateway: canonicalAddress(gateway)! }),
    ...(given.IPRange && leaseRange(range, given.IPRange)),
  };
}

/** `first-last` of Podman's, or a range in the subnet of Docker's. */
function leaseRange(range: IpRange, text: string) {
  const [from = '', to, ...rest] = text.split('-');
  const inner = to === undefined ? IpRange.parse(text) : undefined;
  const Start = inner?.at(inner.size > 1n ? 1 : 0) ?? canonicalAddress(from);
  const End = inner?.at(-1) ?? canonicalAddress(to ?? '');
  if (Start === undefined || End === undefined || rest.length > 0)
    throw new BadRequest(`range ${text} is neither a CIDR address nor two addresses with a - between`);
  if (!range.contains(Start)) throw new BadRequest(`lease range start ip ${Start} not in subnet ${range}`);
  if (!range.contains(End)) throw new BadRequest(`lease range end ip ${End} not in subnet ${range}`);
  return { IPRange: text, LeaseRange: { Start, End } };
}

/** The first of 10.89.0.0/24, 10.89.1.0/24, … that nothing on this host leads into. */
export function freeSubnet(used: readonly IpRange[]): IpRange {
  for (let range = FIRST_FREE; ; range = range.next()) {
    if (!used.some((other) => other.overlaps(range) && other.prefixLength > 0)) return range;
    if (String(range) === String(LAST_FREE))
      throw new OrreryError('NetworkFailed', 'could not find free subnet from subnet pools');
  }
}

/** RFC 4193: a random global id. */
function freeIpv6Subnet(used: readonly IpRange[]): IpRange {
  for (;;) {
    const id = randomBytes(7).toString('hex');
    const range = IpRange.parse(
      `fd${id.slice(0, 2)}:${id.slice(2, 6)}:${id.slice(6, 10)}:${id.slice(10, 14)}::/64`,
    );
    if (!used.some((other) => other.overlaps(range) && other.prefixLength > 0)) return range;
  }
}

function routesOf(asked: CreateNetwork): NetworkConfig['Routes'] {
  return (asked.Routes ?? []).map((route) => {
    const gateway = canonicalAddress(route.Gateway);
    if (gateway === undefined) throw new BadRequest(`invalid route: gateway ${route.Gateway} is no address`);
    return {
      Destination: String(IpRange.parse(route.Destination)),
      Gateway: gateway,
      ...(route.Metric !== undefined && { Metric: route.Metric }),
    };
  });
}
