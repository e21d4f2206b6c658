import { spawn } from 'node:child_process';
import { BadRequest, OrreryError } from '../../base/index.ts';
import { parseAddress } from '../networks/ip-range.ts';
import { libc, SystemCallFailed } from '../system/libc.ts';
import type { RelayedPort } from './port-relay.ts';
import { readyOrComplaint } from './relay-answer.ts';

/** As a relay can have them. @throws BadRequest for a protocol that none carries */
export function relayable(
  ports: readonly { hostIp: string; hostPort: number; containerPort: number; protocol: string }[],
): RelayedPort[] {
  return ports.map(({ hostIp, hostPort, containerPort, protocol }) => {
    if (protocol !== 'tcp' && protocol !== 'udp')
      throw new BadRequest(`port ${hostPort}: ${protocol} is not supported for an ordinary user`);
    return { hostIp, hostPort, containerPort, protocol };
  });
}

export interface PortRelayStart {
  /** Program and first arguments that start ourselves. */
  self: readonly string[];
  namespacePath: string;
  ports: readonly RelayedPort[];
  /** Holds `ports` too; the relay ends when it is removed. */
  file: string;
}

/**
 * Starts a relay of the ports for a network namespace: the host's sockets are opened here, so that what cannot
 * be had is known at once, and handed to a process inside.
 *
 * @returns its pid @throws OrreryError NetworkFailed, in Podman's words
 */
export async function startPortRelay(start: PortRelayStart): Promise<number> {
  const { self, namespacePath, ports, file } = start;
  const held = openPorts(ports);
  try {
    const child = spawn('nsenter', [`--net=${namespacePath}`, '--', ...self, 'role', 'port-relay', file], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', ...held],
      cwd: '/',
    });
    const complaint = readyOrComplaint(child.stderr!);
    const answer = await Promise.race([
      readyOrComplaint(child.stdout!),
      new Promise<string>((resolve) => child.once('error', (error) => resolve(error.message))),
    ]);
    if (answer !== 'ready')
      throw new OrreryError('NetworkFailed', `the ports are not relayed: ${(await complaint) || answer}`);
    for (const stream of child.stdio) stream?.destroy();
    child.unref();
    return child.pid!;
  } finally {
    for (const fd of held) libc().closeFd(fd);
  }
}

function openPorts(ports: readonly RelayedPort[]): number[] {
  const held: number[] = [];
  try {
    for (const port of ports) held.push(openPort(port));
    return held;
  } catch (error) {
    for (const fd of held) libc().closeFd(fd);
    throw error;
  }
}

function openPort(port: RelayedPort): number {
  const address = parseAddress(port.hostIp === '' ? '0.0.0.0' : port.hostIp);
  if (address === undefined) throw new BadRequest(`invalid host address ${JSON.stringify(port.hostIp)}`);
  if (address.family === 6 && port.protocol === 'udp')
    throw new BadRequest(`port ${port.hostPort}: UDP over IPv6 is not supported for an ordinary user`);
  const length = address.family === 4 ? 4 : 16;
  const bytes = Buffer.from(address.value.toString(16).padStart(length * 2, '0'), 'hex');
  try {
    return libc().bindPort(port.protocol, address.family, bytes, port.hostPort);
  } catch (error) {
    throw error instanceof SystemCallFailed ? refusal(port, error) : error;
  }
}

function refusal(port: RelayedPort, cause: SystemCallFailed): OrreryError {
  const ip = port.hostIp === '' ? '0.0.0.0' : port.hostIp.includes(':') ? `[${port.hostIp}]` : port.hostIp;
  const { hostPort: number, protocol } = port;
  const place = `listen ${protocol} ${ip}:${number}: bind`;
  if (cause.errno === 'EACCES')
    return new OrreryError(
      'NetworkFailed',
      `rootlessport cannot expose privileged port ${number}, you can add 'net.ipv4.ip_unprivileged_port_start=${number}' to /etc/sysctl.conf (currently 1024), or choose a larger port number (>= 1024): ${place}: permission denied`,
      { cause },
    );
  const why: Record<string, string> = {
    EADDRINUSE: 'address already in use',
    EADDRNOTAVAIL: 'cannot assign requested address',
  };
  return new OrreryError('NetworkFailed', `rootlessport ${place}: ${why[cause.errno] ?? cause.errno}`, {
    cause,
  });
}
