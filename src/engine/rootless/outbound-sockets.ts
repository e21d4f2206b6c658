import { closeSync, openSync } from 'node:fs';
import { parentPort, Worker } from 'node:worker_threads';
import { libc } from '../system/libc.ts';

/** Descriptors of this process of sockets that are in a network namespace. */
export interface OutboundSockets {
  tcp: number;
  /** On the loopback, for the namespace's own queries; on every address for those that pass through it. */
  ownNames: number;
  passingNames: number;
}

/**
 * Opens the relay's sockets in a network namespace. A thread of its own goes there, for who is not the host's root
 * finds no way back; what it opened is the process's.
 *
 * @param program that runs `openOutboundSockets` for `role outbound-sockets PATH`
 */
export async function socketsIn(namespacePath: string, program: string): Promise<OutboundSockets> {
  const thread = new Worker(program, { argv: ['role', 'outbound-sockets', namespacePath] });
  try {
    return await new Promise<OutboundSockets>((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error(`nothing was opened in ${namespacePath}`)));
    });
  } finally {
    await thread.terminate();
  }
}

/** What the thread does. */
export function openOutboundSockets(namespacePath: string): void {
  const there = openSync(namespacePath, 'r');
  try {
    libc().setNetworkNamespace(there);
  } finally {
    closeSync(there);
  }
  const everywhere = Uint8Array.of(0, 0, 0, 0);
  parentPort!.postMessage({
    tcp: libc().bindPort('tcp', 4, everywhere, 0),
    ownNames: libc().bindPort('udp', 4, Uint8Array.of(127, 0, 0, 1), 0),
    passingNames: libc().bindPort('udp', 4, everywhere, 0),
  } satisfies OutboundSockets);
}
