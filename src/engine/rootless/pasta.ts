import { readFile } from 'node:fs/promises';
import { CommandFailed, OrreryError, runCommand } from '../../base/index.ts';
import type { RelayedPort } from './port-relay.ts';

export interface PastaStart {
  program: string;
  namespacePath: string;
  ports: readonly RelayedPort[];
  /** What the user gives after `pasta:`, at its commas: flags of its own. */
  options: readonly string[];
  pidFile: string;
}

/** Starts pasta(1) for a network namespace; it goes into the background when it is ready. @returns its pid */
export async function startPasta(start: PastaStart): Promise<number> {
  const { namespacePath, options, pidFile } = start;
  const of = (protocol: 'tcp' | 'udp') =>
    start.ports.filter((one) => one.protocol === protocol).map(portArgument);
  const flag = (name: string, values: string[]) =>
    values.length === 0 ? [name, 'none'] : values.flatMap((value) => [name, value]);
  const args = [
    ...['--config-net', '--quiet', '--pid', pidFile, '--no-map-gw'],
    ...[...flag('-t', of('tcp')), ...flag('-u', of('udp')), '-T', 'none', '-U', 'none'],
    ...['--runas', '0', '--netns-only'],
    ...options,
    ...['--netns', namespacePath],
  ];
  try {
    await runCommand(start.program, args, { timeoutMs: 10_000 });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new OrreryError('NetworkFailed', `pasta failed: ${error.stderr.trim().split('\n').at(-1)}`, {
      cause: error,
    });
  }
  return Number((await readFile(pidFile, 'utf8')).trim());
}

/** `[address/]host:container` (pasta(1), `-t`). */
function portArgument({ hostIp, hostPort, containerPort }: RelayedPort): string {
  return `${hostIp === '' ? '' : `${hostIp}/`}${hostPort}:${containerPort}`;
}
