import { randomInt } from 'node:crypto';
import { Conflict, OrreryError } from '../../base/index.ts';
import { libc, SystemCallFailed } from '../system/libc.ts';
import { parseAddress } from './ip-range.ts';

export interface HostPort {
  /** '' is every IPv4 address of the host. */
  hostIp: string;
  hostPort: number;
  protocol: 'tcp' | 'udp' | 'sctp';
}

/**
 * Takes host ports as a server would, so that no other process can. The packets never come here: the rules send
 * them on before. @throws Conflict when one is taken, in the words of Podman @returns descriptors to hold
 */
export function reserveHostPorts(ports: readonly HostPort[]): number[] {
  const held: number[] = [];
  try {
    for (const port of ports) {
      const fd = reserve(port);
      if (fd !== undefined) held.push(fd);
    }
  } catch (error) {
    releaseHostPorts(held);
    throw error;
  }
  return held;
}

/** Linux's own choice for connections (ip_local_port_range), which Docker takes too. */
const FREE_PORTS = { first: 32768, count: 28232 };
const TRIES = 200;

/** Gives those that ask for any port (0) one that is free now on their address. @throws Conflict when none is found */
export function chooseHostPorts<Port extends HostPort>(ports: readonly Port[]): Port[] {
  const chosen = new Set(ports.map(({ hostPort }) => hostPort));
  return ports.map((port) => (port.hostPort === 0 ? { ...port, hostPort: freePort(port, chosen) } : port));
}

function freePort(port: HostPort, chosen: Set<number>): number {
  for (let tries = 1; ; tries++) {
    const hostPort = FREE_PORTS.first + randomInt(FREE_PORTS.count);
    if (chosen.has(hostPort)) continue;
    try {
      releaseHostPorts(reserveHostPorts([{ ...port, hostPort }]));
    } catch (error) {
      if (error instanceof Conflict && tries < TRIES) continue;
      throw error;
    }
    chosen.add(hostPort);
    return hostPort;
  }
}

export function releaseHostPorts(descriptors: readonly number[]): void {
  for (const fd of descriptors) libc().closeFd(fd);
}

function reserve(port: HostPort): number | undefined {
  const address = parseAddress(port.hostIp === '' ? '0.0.0.0' : port.hostIp)!;
  const length = address.family === 4 ? 4 : 16;
  const bytes = Buffer.from(address.value.toString(16).padStart(length * 2, '0'), 'hex');
  try {
    return libc().bindPort(port.protocol, address.family, bytes, port.hostPort);
  } catch (error) {
    if (!(error instanceof SystemCallFailed)) throw error;
    // A kernel without SCTP: then nobody else has the port either.
    if (port.protocol === 'sctp' && error.details.call === 'socket') return undefined;
    throw refusal(port, error);
  }
}

function refusal(port: HostPort, error: SystemCallFailed): OrreryError {
  const verb =
    port.protocol === 'udp'
      ? 'listen on the UDP port: listen udp'
      : `listen on the ${port.protocol.toUpperCase()} port: listen ${port.protocol}`;
  const family = port.hostIp.includes(':') ? '6' : '4';
  const place = `${port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp}:${port.hostPort}`;
  const told = `cannot ${verb}${family} ${place}: bind:`;
  if (error.errno === 'EADDRINUSE') return new Conflict(`${told} address already in use`, { cause: error });
  if (error.errno === 'EADDRNOTAVAIL')
    return new OrreryError('NetworkFailed', `${told} cannot assign requested address`, { cause: error });
  if (error.errno === 'EACCES')
    return new OrreryError('NetworkFailed', `${told} permission denied`, { cause: error });
  return error;
}
