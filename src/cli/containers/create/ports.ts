import { isIP } from 'node:net';
import { BadRequest } from '../../../base/index.ts';
import type { HostConfig } from '../../../libpod/index.ts';

/**
 * `--publish`: `[[hostIP:][hostPort[-end]]:]containerPort[-end][/protocol]`, as Docker's PortBindings.
 * @throws BadRequest in Podman's words
 */
export function parsePublished(ports: readonly string[]): NonNullable<HostConfig['PortBindings']> {
  const bindings: NonNullable<HostConfig['PortBindings']> = {};
  for (const one of ports) {
    const { hostIp, host, container, protocols } = split(one);
    const inside = range(container, 'container');
    const outside = host === undefined || host === '' ? undefined : range(host, 'host');
    if (outside !== undefined && outside.count !== inside.count)
      throw new BadRequest(
        `host and container port ranges have different lengths: ${outside.count} vs ${inside.count}`,
      );
    for (const protocol of protocols)
      for (let i = 0; i < inside.count; i++) {
        const key = `${inside.first + i}/${protocol}`;
        bindings[key] = [
          ...(bindings[key] ?? []),
          { HostIp: hostIp, HostPort: outside === undefined ? '' : String(outside.first + i) },
        ];
      }
  }
  return bindings;
}

/** `--expose`: `port[-end][/protocol]`. @throws BadRequest */
export function parseExposed(ports: readonly string[]): Record<string, object> {
  const exposed: Record<string, object> = {};
  for (const one of ports) {
    const [numbers, ...protocols] = one.split('/') as [string, ...string[]];
    if (protocols.length > 1)
      throw new BadRequest('invalid expose format - protocol can only be specified once');
    const { first, count } = range(numbers, undefined, `invalid range format for --expose: ${one}: `);
    for (const protocol of (protocols[0] ?? 'tcp').split(','))
      for (let i = 0; i < count; i++) exposed[`${first + i}/${protocol.toLowerCase()}`] = {};
  }
  return exposed;
}

function split(text: string): {
  hostIp: string;
  host: string | undefined;
  container: string;
  protocols: string[];
} {
  const wrong = (message: string): never => {
    throw new BadRequest(message);
  };
  const [ports, protocol, ...more] = text.split('/') as [string, ...string[]];
  if (more.length > 0) wrong('invalid port format - protocol can only be specified once');
  if (protocol === '') wrong('must provide a non-empty protocol to publish');
  const protocols = (protocol ?? 'tcp').toLowerCase().split(',');
  for (const one of protocols)
    if (!['tcp', 'udp', 'sctp'].includes(one)) wrong(`unrecognized protocol "${one}" in port mapping`);
  const bracketed = /^\[([^\]]*)\](:?)(.*)$/.exec(ports);
  if (bracketed === null && ports.includes(']'))
    wrong('invalid port format - IPv6 addresses must be enclosed by []');
  if (bracketed !== null && bracketed[2] === '')
    wrong("invalid port format - IPv6 address must be followed by a colon (':')");
  const parts = (bracketed === null ? ports : bracketed[3]!).split(':');
  const container = parts.at(-1)!;
  if (bracketed !== null && parts.length === 1)
    wrong('invalid port format - must provide host and destination port if specifying an IP');
  if (bracketed !== null && parts.length > 2)
    wrong('invalid port format - when v6 address specified, must be [ipv6]:hostPort:ctrPort');
  if (parts.length > 3) wrong('invalid port format - format is [[hostIP:]hostPort:]containerPort');
  if (container === '') wrong('must provide a non-empty container port to publish');
  const address = bracketed === null ? (parts.length === 3 ? parts[0] : undefined) : bracketed[1];
  if (address === '') wrong('must provide a non-empty container host IP to publish');
  if (address !== undefined && isIP(address) === 0) wrong(`cannot parse "${address}" as an IP address`);
  return {
    hostIp: address === undefined || address === '0.0.0.0' ? '' : address,
    host: parts.length === 1 ? undefined : parts.at(-2),
    container,
    protocols,
  };
}

function range(text: string, side?: 'host' | 'container', before?: string): { first: number; count: number } {
  const wrong = (message: string): never => {
    throw new BadRequest((before ?? `parsing ${side} port: `) + message);
  };
  const port = (digits: string): number => {
    if (!/^[+-]?\d+$/.test(digits))
      wrong(`invalid port number: strconv.Atoi: parsing ${JSON.stringify(digits)}: invalid syntax`);
    const number = Number(digits);
    if (number < 1 || number > 65535)
      wrong(`port numbers must be between 1 and 65535 (inclusive), got ${number}`);
    return number;
  };
  const [first, last, ...more] = text.split('-') as [string, ...string[]];
  if (more.length > 0) wrong('invalid port format - port ranges are formatted as startPort-stopPort');
  if (first === '') wrong('port numbers cannot be negative');
  const start = port(first);
  if (last === undefined) return { first: start, count: 1 };
  if (last === '') wrong('must provide ending number for port range');
  const end = port(last);
  if (end <= start)
    wrong(`the end port of a range must be higher than the start port - ${end} is not higher than ${start}`);
  return { first: start, count: end - start + 1 };
}
