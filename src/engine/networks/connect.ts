import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OrreryError, systemClock } from '../../base/index.ts';
import { libc } from '../system/libc.ts';

const TIMEOUT_MS = 10_000;

/**
 * A TCP connection to the loopback of another network namespace: 127.0.0.1, then ::1.
 *
 * The main thread enters the namespace, makes a socket and leaves again without giving up control in
 * between; a socket stays in the namespace it was made in. Should the way back fail, the process could no
 * longer be trusted with the network, so it ends.
 *
 * @throws OrreryError PortForwardFailed when nobody listens.
 */
export async function connectInNamespace(namespacePath: string, port: number): Promise<Duplex> {
  let reason = '';
  for (const family of [4, 6] as const) {
    const { fd, error } = beginConnect(namespacePath, family, port);
    const outcome = error ?? (await settle(fd));
    if (outcome === '') return new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    libc().closeFd(fd);
    reason ||= outcome;
  }
  throw new OrreryError(
    'PortForwardFailed',
    `failed to connect to localhost:${port} inside namespace: ${reason}`,
  );
}

function beginConnect(
  namespacePath: string,
  family: 4 | 6,
  port: number,
): { fd: number; error: string | undefined } {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(namespacePath, 'r');
  try {
    libc().setNetworkNamespace(there);
    try {
      return libc().connectLoopback(family, port);
    } finally {
      returnHome(home);
    }
  } finally {
    closeSync(there);
    closeSync(home);
  }
}

function returnHome(home: number): void {
  try {
    libc().setNetworkNamespace(home);
  } catch (error) {
    process.stderr.write(`cannot return to the host's network namespace: ${String(error)}\n`);
    process.abort();
  }
}

async function settle(fd: number): Promise<string> {
  const endMs = Date.now() + TIMEOUT_MS;
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    const state = libc().connectionState(fd);
    if (state !== undefined) return state;
    if (Date.now() > endMs) return 'ETIMEDOUT';
    // On the loopback it is settled at once unless the listener's queue is full.
    await systemClock.sleep(waitMs);
  }
}
