import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { BadRequest, OrreryError } from '../../base/index.ts';
import type { RelayedPort } from './port-relay.ts';

/** What `--network slirp4netns:name=value,…` can say (slirp4netns(1), podman-run(1)). */
export interface SlirpOptions {
  allowHostLoopback: boolean;
  cidr: string;
  enableIpv6: boolean;
  mtu: number;
  outboundAddress?: string;
  outboundAddress6?: string;
  portHandler: 'rootlesskit' | 'slirp4netns';
}

const MTU = 65_520;
const START_TIMEOUT_MS = 10_000;

/** @throws BadRequest naming the option, in Podman's words */
export function slirpOptions(given: readonly string[]): SlirpOptions {
  const options: SlirpOptions = {
    allowHostLoopback: false,
    cidr: '10.0.2.0/24',
    enableIpv6: true,
    mtu: MTU,
    portHandler: 'rootlesskit',
  };
  for (const option of given) {
    const equals = option.indexOf('=');
    if (equals < 0) throw new BadRequest(`unknown option for slirp4netns: "${option}"`);
    setOption(options, option.slice(0, equals), option.slice(equals + 1));
  }
  return options;
}

function setOption(options: SlirpOptions, name: string, value: string): void {
  const bool = () => {
    if (value !== 'true' && value !== 'false')
      throw new BadRequest(`invalid value of ${name} for slirp4netns: "${value}"`);
    return value === 'true';
  };
  switch (name) {
    case 'allow_host_loopback':
      options.allowHostLoopback = bool();
      return;
    case 'enable_ipv6':
      options.enableIpv6 = bool();
      return;
    case 'cidr':
      if (!/^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/.test(value)) throw new BadRequest(`invalid cidr "${value}"`);
      options.cidr = value;
      return;
    case 'mtu':
      if (!/^\d+$/.test(value)) throw new BadRequest(`invalid mtu "${value}"`);
      options.mtu = Number(value);
      return;
    case 'outbound_addr':
      options.outboundAddress = value;
      return;
    case 'outbound_addr6':
      options.outboundAddress6 = value;
      return;
    case 'port_handler':
      if (value !== 'rootlesskit' && value !== 'slirp4netns')
        throw new BadRequest(`unknown port_handler for slirp4netns: "${value}"`);
      options.portHandler = value;
      return;
    default:
      throw new BadRequest(`unknown option for slirp4netns: "${name}"`);
  }
}

/** The guest's, the gateway's and the name server's address in slirp4netns' range (slirp4netns(1), `--cidr`). */
export function slirpAddresses(cidr: string): { guest: string; gateway: string; dns: string } {
  const octets = cidr.split('/')[0]!.split('.').map(Number);
  const base = octets.reduce((sum, one) => sum * 256 + one, 0);
  const at = (offset: number) => {
    const value = base + offset;
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  };
  return { guest: at(100), gateway: at(2), dns: at(3) };
}

/** Starts one for a network namespace; it lives until it is ended. @returns its pid */
export async function startSlirp(
  program: string,
  start: { namespacePath: string; options: SlirpOptions; apiSocket: string },
): Promise<number> {
  const { namespacePath, options, apiSocket } = start;
  const child = spawn(
    program,
    [
      ...(options.allowHostLoopback ? [] : ['--disable-host-loopback']),
      ...[`--mtu=${options.mtu}`, `--cidr=${options.cidr}`, '--enable-sandbox', '--enable-seccomp'],
      ...(options.enableIpv6 ? ['--enable-ipv6'] : []),
      ...(options.outboundAddress === undefined ? [] : [`--outbound-addr=${options.outboundAddress}`]),
      ...(options.outboundAddress6 === undefined ? [] : [`--outbound-addr6=${options.outboundAddress6}`]),
      ...['--configure', '--ready-fd=3', `--api-socket=${apiSocket}`, '--netns-type=path'],
      ...[namespacePath, 'tap0'],
    ],
    { detached: true, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] },
  );
  const complaint = collect(child.stderr as Readable);
  const ready = collect(child.stdio[3] as Readable);
  const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS);
  const failed = new Promise<string>((resolve) => child.once('error', (error) => resolve(error.message)));
  const answer = await Promise.race([ready, failed]);
  clearTimeout(timer);
  if (answer !== '1')
    throw new OrreryError('NetworkFailed', `slirp4netns failed: ${await Promise.race([complaint, failed])}`);
  for (const stream of child.stdio) stream?.destroy();
  child.unref();
  return child.pid!;
}

function collect(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      // On the pipe that tells of its readiness it writes this and no more.
      if (text === '1') resolve(text);
    });
    stream.once('close', () => resolve(text.trim()));
  });
}

/** slirp4netns' own forwarding of a host's port (slirp4netns(1), "API SOCKET"). @throws OrreryError NetworkFailed */
export async function forwardBySlirp(apiSocket: string, port: RelayedPort, guest: string): Promise<void> {
  const request = {
    execute: 'add_hostfwd',
    arguments: {
      proto: port.protocol,
      host_addr: port.hostIp === '' ? '0.0.0.0' : port.hostIp,
      host_port: port.hostPort,
      guest_addr: guest,
      guest_port: port.containerPort,
    },
  };
  const answer = await ask(apiSocket, JSON.stringify(request));
  const { error } = JSON.parse(answer) as { error?: { desc: string } };
  if (error !== undefined)
    throw new OrreryError('NetworkFailed', `slirp4netns: port ${port.hostPort}: ${error.desc}`);
}

function ask(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end(text));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
