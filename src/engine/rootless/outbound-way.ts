import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CommandFailed, OrreryError, runCommand } from '../../base/index.ts';
import { withFileLock } from '../system/lock.ts';
import { enteredDirectory } from './namespace-holder.ts';
import { readyOrComplaint } from './relay-answer.ts';

/** Where the relay listens inside a network namespace. */
export interface OutboundPorts {
  tcp: number;
  /** Queries of the namespace's own processes, and those that pass through it. */
  ownNames: number;
  passingNames: number;
}

/** As slirp4netns has them, so that nothing in a container depends on which of the two carries. */
export const OUTBOUND_DNS = '10.0.2.3';
export const OUTBOUND_ADDRESS = '10.0.2.100';
export const OUTBOUND_GATEWAY = '10.0.2.2';

/**
 * A link that leads nowhere, and rules that turn TCP connections and queries for names on their way to it to the
 * relay; everything else on that way is refused at once instead of lost.
 */
const SCRIPT = `
ip link show tap0 >/dev/null 2>&1 || ip -batch - <<BATCH || exit
link set lo up
link add tap0 type bridge
address add ${OUTBOUND_ADDRESS}/24 dev tap0
link set tap0 up
route add default via ${OUTBOUND_GATEWAY}
BATCH
exec nft -f - <<RULES
table ip orrery-outbound {
}
delete table ip orrery-outbound
table ip orrery-outbound {
  chain own {
    type nat hook output priority -100; policy accept;
    oifname "tap0" meta l4proto tcp redirect to :$1
    oifname "tap0" udp dport 53 redirect to :$2
  }
  chain passing {
    type nat hook prerouting priority -90; policy accept;
    fib daddr oifname "tap0" meta l4proto tcp redirect to :$1
    fib daddr oifname "tap0" udp dport 53 redirect to :$3
  }
  chain refused {
    type filter hook output priority 0; policy accept;
    oifname "tap0" ct status & dnat == 0 reject
  }
  chain refused_passing {
    type filter hook forward priority 0; policy accept;
    oifname "tap0" ct status & dnat == 0 reject
  }
}
RULES
`;

/**
 * The way outside of network namespaces by the relay's process (outbound-relay.ts), where the host gives no device
 * for slirp4netns or pasta. The process begins with the first that joins and ends with the last that leaves.
 */
export class OutboundWay {
  readonly #self: readonly string[];

  /** @param self program and script that start ourselves */
  constructor(self: readonly string[]) {
    this.#self = self;
  }

  /** @throws OrreryError NetworkFailed */
  async join(namespacePath: string): Promise<void> {
    const { socket, lock } = places();
    await withFileLock(lock, async () => {
      const ports =
        (await ask(socket, { join: namespacePath })) ?? (await this.#begin(socket, namespacePath));
      await lead(namespacePath, ports as OutboundPorts);
    });
  }

  /** No error when it has not joined, or the relay has ended. */
  async leave(namespacePath: string): Promise<void> {
    if (enteredDirectory() === undefined) return;
    const { socket, lock } = places();
    await withFileLock(lock, () => ask(socket, { leave: namespacePath }));
  }

  async #begin(socket: string, namespacePath: string): Promise<object> {
    const [file, ...args] = [...this.#self, 'role', 'outbound-relay', socket];
    const child = spawn(file!, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' });
    const complaint = readyOrComplaint(child.stderr);
    const said = await Promise.race([
      readyOrComplaint(child.stdout),
      new Promise<string>((resolve) => child.once('error', (error) => resolve(error.message))),
    ]);
    const answer = said === 'ready' ? await ask(socket, { join: namespacePath }) : undefined;
    if (answer === undefined)
      throw new OrreryError('NetworkFailed', `nothing is carried outside: ${(await complaint) || said}`);
    for (const stream of child.stdio) stream?.destroy();
    child.unref();
    return answer;
  }
}

function places(): { socket: string; lock: string } {
  const directory = enteredDirectory();
  if (directory === undefined)
    throw new OrreryError('RootlessUnavailable', "this process is not in the user's own namespaces");
  return {
    socket: join(directory, 'marker', 'outbound.sock'),
    lock: join(directory, 'marker', 'outbound.lock'),
  };
}

async function lead(namespacePath: string, { tcp, ownNames, passingNames }: OutboundPorts): Promise<void> {
  const args = [`--net=${namespacePath}`, '--', 'sh', '-c', SCRIPT, 'sh'];
  try {
    await runCommand('nsenter', [...args, ...[tcp, ownNames, passingNames].map(String)]);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new OrreryError('NetworkFailed', `nothing is carried outside: ${error.stderr.trim()}`, {
      cause: error,
    });
  }
}

/** Undefined when no relay listens. @throws OrreryError NetworkFailed with the relay's words */
async function ask(path: string, question: object): Promise<object | undefined> {
  const text = await new Promise<string | undefined>((resolve, reject) => {
    const socket = connect(path, () => socket.write(`${JSON.stringify(question)}\n`));
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // What was killed left its socket.
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')) resolve(undefined);
      else reject(error);
    });
  });
  if (text === undefined || text === '') return undefined;
  const answer = JSON.parse(text) as { error?: string };
  if (answer.error === undefined) return answer;
  throw new OrreryError('NetworkFailed', `nothing is carried outside: ${answer.error}`);
}
