import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { OrreryError, systemClock } from '../../base/index.ts';
import { libc } from '../system/libc.ts';
import { inNetworkNamespace } from './network-namespace.ts';

const TIMEOUT_MS = 10_000;

/**
 * A TCP connection to the loopback of another network namespace: 127.0.0.1, then ::1.
 * A socket stays in the namespace it was made in.
 *
 * @throws OrreryError PortForwardFailed when nobody listens.
 */
export async function connectInNamespace(namespacePath: string, port: number): Promise<Duplex> {
  let reason = '';
  for (const family of [4, 6] as const) {
    const begin = () => libc().connectLoopback(family, port);
    const { fd, error } = inNetworkNamespace(namespacePath, begin);
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
