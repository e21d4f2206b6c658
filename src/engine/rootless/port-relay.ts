import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface RelayedPort {
  /** '' is every IPv4 address of the host. */
  hostIp: string;
  hostPort: number;
  containerPort: number;
  protocol: 'tcp' | 'udp';
}

/** The descriptor of the first port; the others follow, after the standard ones. */
const FIRST_PORT_FD = 3;

const UDP_IDLE_MS = 60_000;

/**
 * Carries host ports into the container's network namespace, in which this process runs; the sockets on the
 * host were opened before it entered and stay the host's. No device, no rule, no right of root's is needed. The
 * container sees its own loopback as the client. Ends when the file is removed.
 *
 * @param file JSON with the `ports`
 */
export async function relayPorts(file: string, ready: () => void): Promise<void> {
  const { ports } = JSON.parse(await readFile(file, 'utf8')) as { ports: RelayedPort[] };
  await Promise.all(
    ports.map((port, i) =>
      port.protocol === 'tcp'
        ? relayTcp(FIRST_PORT_FD + i, port.containerPort)
        : relayUdp(FIRST_PORT_FD + i, port.containerPort),
    ),
  );
  ready();
  await untilRemoved(file);
}

/** The file may be replaced meanwhile, which is no removal. */
async function untilRemoved(file: string): Promise<void> {
  while (existsSync(file)) {
    const watching = watch(file);
    const changed = once(watching, 'change');
    // It may have gone just before the watch began.
    if (existsSync(file)) await changed;
    watching.close();
  }
}

function relayTcp(fd: number, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    // A connection that breaks is the two ends' affair.
    client.on('error', () => client.destroy());
    connectInside(port, addressesInside(), (inner) => {
      if (inner === undefined) client.resetAndDestroy();
      else join(client, inner);
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd }, () => resolve(server));
  });
}

/** The loopback, and for one who listens on an address of the container's only, these. */
function addressesInside(): string[] {
  const others = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((one) => !one.internal && !one.address.startsWith('fe80'))
    .map((one) => one.address);
  return ['127.0.0.1', '::1', ...others];
}

function connectInside(port: number, addresses: string[], then: (socket: Socket | undefined) => void): void {
  const [host, ...others] = addresses;
  if (host === undefined) {
    then(undefined);
    return;
  }
  const socket = connect({ host, port, allowHalfOpen: true });
  socket.once('error', () => connectInside(port, others, then));
  socket.once('connect', () => {
    socket.removeAllListeners('error');
    then(socket);
  });
}

function join(client: Socket, inner: Socket): void {
  inner.on('error', () => client.destroy());
  client.on('close', () => inner.destroy());
  inner.on('close', () => client.destroy());
  client.pipe(inner);
  inner.pipe(client);
}

/** Each client has a socket of its own inside, so that answers find their way back. */
function relayUdp(fd: number, port: number): Promise<UdpSocket> {
  const outer = createSocket('udp4');
  const clients = new Map<string, { inner: UdpSocket; idle: NodeJS.Timeout }>();
  outer.on('message', (message, from) => {
    const key = `${from.address} ${from.port}`;
    const known = clients.get(key) ?? openClient(outer, from, () => clients.delete(key));
    clients.set(key, known);
    known.idle.refresh();
    known.inner.send(message, port, '127.0.0.1');
  });
  return new Promise((resolve, reject) => {
    outer.once('error', reject);
    outer.bind({ fd }, () => resolve(outer));
  });
}

function openClient(outer: UdpSocket, from: RemoteInfo, forget: () => void) {
  const inner = createSocket('udp4');
  inner.on('message', (message) => outer.send(message, from.port, from.address));
  // Nobody listens there yet, or no more: UDP promises nothing.
  inner.on('error', () => undefined);
  const idle = setTimeout(() => {
    inner.close();
    forget();
  }, UDP_IDLE_MS);
  return { inner, idle };
}
