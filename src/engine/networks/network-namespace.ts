import { closeSync, openSync } from 'node:fs';
import { libc, SystemCallFailed } from '../system/libc.ts';

const OWN = '/proc/thread-self/ns/net';
// mount(2)
const MS_BIND = 4096;

/**
 * Runs `work` with the main thread in another network namespace, and is back before anything else happens: `work`
 * does not wait. What it makes there, a socket or a process, stays there. Should the way back fail, this process
 * could no longer be trusted with the network, so it ends.
 *
 * @throws SystemCallFailed EPERM, with nothing done, where this process could not return: its own namespace is
 *   somebody else's, as an ordinary user's is.
 */
export function inNetworkNamespace<T>(path: string, work: () => T): T {
  const there = openSync(path, 'r');
  try {
    return away(() => {
      libc().setNetworkNamespace(there);
      return work();
    });
  } finally {
    closeSync(there);
  }
}

/**
 * Makes a network namespace whose loopback is up, and pins it on the file `pin`.
 *
 * @returns false, with nothing done, where this process could not return.
 */
export function makeNetworkNamespace(pin: string): boolean {
  try {
    away(() => {
      libc().newNetworkNamespace();
      libc().raiseLoopback();
      libc().mount(OWN, pin, '', MS_BIND, '');
    });
    return true;
  } catch (error) {
    if (mayNotReturn(error)) return false;
    throw error;
  }
}

export function mayNotReturn(error: unknown): boolean {
  return error instanceof NoReturn;
}

class NoReturn extends SystemCallFailed {}

function away<T>(work: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    // The kernel asks the same of this as of the way back.
    try {
      libc().setNetworkNamespace(home);
    } catch (error) {
      if (!(error instanceof SystemCallFailed)) throw error;
      throw new NoReturn('setns', error.errno, 'network namespace');
    }
    try {
      return work();
    } finally {
      returnTo(home);
    }
  } finally {
    closeSync(home);
  }
}

function returnTo(home: number): void {
  try {
    libc().setNetworkNamespace(home);
  } catch (error) {
    process.stderr.write(`cannot return to the host's network namespace: ${String(error)}\n`);
    process.abort();
  }
}
