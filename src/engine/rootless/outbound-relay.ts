import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { messageOf } from '../../base/index.ts';
import { libc } from '../system/libc.ts';
import { socketsIn } from './outbound-sockets.ts';
import { OUTBOUND_DNS, type OutboundPorts } from './outbound-way.ts';

/** A network namespace whose connections are carried outside. */
interface Joined {
  /** Of the namespace: another may be mounted at the same place by now. */
  inode: number;
  ports: OutboundPorts;
  tcp: Server;
  udp: UdpSocket[];
  clients: Set<Socket>;
}

const ANSWER_TIMEOUT_MS = 5_000;
const LOOK_INTERVAL_MS = 30_000;
/** Nothing of these is outside (RFC 1122, 3.2.1.3); what the container's root may write into its own rules does not lead to the host's loopback. */
const NEVER = /^(?:127|0)\./;

/**
 * Carries what the network namespaces of an ordinary user's containers send outside: TCP connections that rules
 * in them lead here, and queries for names; each goes on as a connection of this process, which lives in the host's
 * network. One process for all of them, told who joins and leaves by lines of JSON on a socket; it ends with the
 * last. Neither a device nor a right of root's is needed.
 *
 * @param path of the socket
 * @param program ourselves: see `socketsIn`
 */
export async function relayOutbound(path: string, program: string, ready: () => void): Promise<void> {
  const joined = new Map<string, Joined>();
  const end = Promise.withResolvers<void>();
  const control = createServer((asker) => {
    asker.on('error', () => asker.destroy());
    createInterface(asker).on('line', (line) => {
      void answer(joined, line, program).then((said) => {
        // Who asks next must find no socket rather than one that ends.
        if (joined.size === 0) control.close();
        asker.end(`${JSON.stringify(said)}\n`);
        if (joined.size === 0) end.resolve();
      });
    });
  });
  // What was killed left its socket; two are never started at once.
  rmSync(path, { force: true });
  control.listen(path);
  await once(control, 'listening');
  ready();
  const looking = setInterval(() => {
    for (const [place, one] of joined) if (inodeOf(place) !== one.inode) leave(joined, place);
    if (joined.size > 0) return;
    control.close();
    end.resolve();
  }, LOOK_INTERVAL_MS);
  await end.promise;
  clearInterval(looking);
}

async function answer(joined: Map<string, Joined>, line: string, program: string): Promise<object> {
  try {
    const asked = JSON.parse(line) as { join?: string; leave?: string };
    if (asked.leave !== undefined) leave(joined, asked.leave);
    return asked.join === undefined ? {} : await join(joined, asked.join, program);
  } catch (error) {
    return { error: messageOf(error) };
  }
}

async function join(joined: Map<string, Joined>, place: string, program: string): Promise<OutboundPorts> {
  const inode = inodeOf(place);
  const known = joined.get(place);
  if (inode === undefined) throw new Error(`no network namespace at ${place}`);
  if (known?.inode === inode) return known.ports;
  leave(joined, place);
  const fds = await socketsIn(place, program);
  const clients = new Set<Socket>();
  const tcp = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => carry(client, clients));
  tcp.listen({ fd: fds.tcp });
  const udp = [fds.ownNames, fds.passingNames].map((fd) => answerNames(fd));
  // Those of UDP are at once what they are given.
  await once(tcp, 'listening');
  const ports = { tcp: portOf(tcp), ownNames: portOf(udp[0]!), passingNames: portOf(udp[1]!) };
  joined.set(place, { inode, ports, tcp, udp, clients });
  return ports;
}

function leave(joined: Map<string, Joined>, place: string): void {
  const one = joined.get(place);
  if (one === undefined) return;
  joined.delete(place);
  one.tcp.close();
  for (const socket of one.udp) socket.close();
  for (const client of one.clients) client.destroy();
}

function inodeOf(place: string): number | undefined {
  return statSync(place, { throwIfNoEntry: false })?.ino;
}

function portOf(socket: { address(): ReturnType<Server['address']> }): number {
  return (socket.address() as { port: number }).port;
}

function carry(client: Socket, clients: Set<Socket>): void {
  // A connection that breaks is the two ends' affair.
  client.on('error', () => client.destroy());
  const to = destinationOf(client);
  if (to === undefined) {
    client.resetAndDestroy();
    return;
  }
  clients.add(client);
  const outer = connect({ ...to, allowHalfOpen: true });
  let isConnected = false;
  outer.once('connect', () => {
    isConnected = true;
    client.pipe(outer);
    outer.pipe(client);
  });
  outer.on('error', () => (isConnected ? client.destroy() : client.resetAndDestroy()));
  outer.on('close', () => client.destroy());
  client.on('close', () => {
    clients.delete(client);
    outer.destroy();
  });
}

/** Where the client meant to go; undefined for what is not to be reached. */
function destinationOf(client: Socket): { host: string; port: number } | undefined {
  const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
  const to = libc().originalDestination(fd);
  // Who connects to the relay itself was led here by no rule.
  if (to === undefined || NEVER.test(to.host)) return undefined;
  if (!to.host.startsWith(OUTBOUND_DNS.slice(0, OUTBOUND_DNS.lastIndexOf('.') + 1))) return to;
  const [server] = nameServers();
  return to.host === OUTBOUND_DNS && to.port === 53 && server !== undefined
    ? { host: server, port: 53 }
    : undefined;
}

/** Queries go to the host's name servers, one after another until one answers. */
function answerNames(fd: number): UdpSocket {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    askNames(query, nameServers(), (reply) => {
      // The container may have left meanwhile.
      socket.send(reply, from.port, from.address, () => undefined);
    });
  });
  // A container that does not take its answer is no harm to the others.
  socket.on('error', () => undefined);
  socket.bind({ fd });
  return socket;
}

function askNames(query: Buffer, servers: readonly string[], then: (reply: Buffer) => void): void {
  const [server, ...others] = servers;
  if (server === undefined) return;
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
  const next = () => {
    clearTimeout(timer);
    socket.close();
    askNames(query, others, then);
  };
  const timer = setTimeout(next, ANSWER_TIMEOUT_MS);
  socket.once('error', next);
  socket.once('message', (reply) => {
    clearTimeout(timer);
    socket.close();
    then(reply);
  });
  // By being connected it takes answers of this server only, and hears that nobody listens there.
  socket.connect(53, server, () => socket.send(query));
}

function nameServers(): string[] {
  const text = readFileSync('/etc/resolv.conf', 'utf8');
  return [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((found) => found[1]!);
}
