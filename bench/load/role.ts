import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { resolveConfig } from '../../src/cli/config.ts';
import { ROLE_MALLOC, ROLE_RUNTIME_FLAGS } from '../../src/cli/role.ts';

export interface RoleUsage {
  residentMb: number;
  anonymousMb: number;
}

/** The server role of a built program, as the supervisor starts it. */
export interface StartedRole {
  port: number;
  /** From the start of the process to /readyz. */
  readyMs: number;
  usage(): RoleUsage;
  stop(): Promise<void>;
}

/** On the store and the keys that BenchServer has made in `directory`. */
export async function startRole(program: string, directory: string): Promise<StartedRole> {
  const port = await freePort();
  const config = resolveConfig({ dataDir: directory, port: String(port), bindAddress: '127.0.0.1' }, {});
  const startMs = performance.now();
  const child = fork(program, ['role', 'server'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...ROLE_MALLOC, ...process.env },
    execArgv: [...ROLE_RUNTIME_FLAGS],
  });
  child.send({ type: 'start', config: { ...config, logLevel: 'error' } });
  const ca = join(directory, 'pki', 'ca.crt');
  while (!(await isReady(port, ca))) {
    if (child.exitCode !== null) throw new Error(`the server role ended with ${child.exitCode}`);
    await delay(10);
  }
  const readyMs = performance.now() - startMs;
  return { port, readyMs, usage: () => usageOf(child), stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

function usageOf({ pid }: ChildProcess): RoleUsage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
  return { residentMb: mb('VmRSS'), anonymousMb: mb('RssAnon') };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

function isReady(port: number, caFile: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ca = readFileSync(caFile);
    const asking = request({ host: '127.0.0.1', port, path: '/readyz', ca }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asking.on('error', () => resolve(false));
    asking.end();
  });
}
