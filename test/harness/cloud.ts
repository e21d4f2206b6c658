import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A whole Orrery as a user starts it: the built program, in a data directory of its own, on loopback ports of
 * its own, with address ranges of its own. Nothing in it is replaced for the test.
 */
export interface Cloud {
  readonly dataDirectory: string;
  readonly port: number;
  readonly kubeconfig: string;
  /** What `up` is called with, beside --detach. */
  readonly upFlags: string[];
  /** Runs kubectl; fails with its stderr. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs kubectl with text on standard input. */
  kubectlWith(input: string, ...args: string[]): Promise<string>;
  orrery(...args: string[]): Promise<string>;
  up(...flags: string[]): Promise<string>;
  status(): Promise<CloudStatus>;
  /** Ends all: containers, roles, data directory. */
  destroy(): Promise<void>;
}

export interface CloudStatus {
  running: boolean;
  pid: number;
  roles: {
    name: string;
    state: string;
    pid: number;
    restarts: number;
    memory: { rssBytes: number; pssBytes: number };
  }[];
}

export class CommandError extends Error {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  constructor(what: string, exitCode: number | undefined, stdout: string, stderr: string) {
    super(`${what} ended with ${exitCode}:\n${stderr}${stdout}`);
    this.exitCode = exitCode;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export const checkout = resolve(import.meta.dirname, '../..');
export const program = join(checkout, 'dist', 'orrery.mjs');

/** Runs a program to its end. */
export function run(
  file: string,
  args: string[],
  options: { input?: string; env?: Record<string, string>; timeoutMs?: number; cwd?: string } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      args,
      {
        env: { ...process.env, ...options.env },
        maxBuffer: 256 * 1024 * 1024,
        timeout: options.timeoutMs ?? 90_000,
        ...(options.cwd !== undefined && { cwd: options.cwd }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const code = typeof error.code === 'number' ? error.code : undefined;
        reject(new CommandError(`${file} ${args.join(' ')}`, code, stdout, stderr));
      },
    );
    if (options.input !== undefined) child.stdin!.end(options.input);
  });
}

/** Why this host cannot run containers, or undefined when it can: the reason tests are skipped with. */
export function whyNoContainers(): string | undefined {
  if (process.getuid!() !== 0) return 'containers need root';
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/sbin', '/sbin');
  for (const name of ['runc', 'conmon', 'nft', 'ip']) {
    if (!folders.some((folder) => existsSync(join(folder, name)))) return `${name} is not installed`;
  }
  if (!existsSync('/usr/lib/cni/bridge')) return 'the CNI plugins are not installed';
  return undefined;
}

/** Every kubectl on this host: the one on PATH and those that lie beside its real file. */
export function kubectlVersions(): { version: string; path: string }[] {
  const onPath = (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, 'kubectl'))
    .find(existsSync);
  if (onPath === undefined) return [];
  const folder = dirname(realpathSync(onPath));
  const versioned = readdirSync(folder)
    .filter((name) => /^kubectl\.1\.\d+$/.test(name))
    .map((name) => ({ version: name.slice('kubectl.'.length), path: join(folder, name) }));
  return versioned.length > 0 ? versioned : [{ version: 'PATH', path: onPath }];
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, failed) => server.once('error', failed).listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Waits until `probe` answers something other than undefined; for what only shows when asked. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`, { cause: last });
    await delay(50);
  }
}

let clouds = 0;

/** Makes a cloud; `up()` starts it. */
export async function createCloud(options: { kubectl?: string } = {}): Promise<Cloud> {
  if (!existsSync(program)) throw new Error('the program is not built: npm run build');
  const dataDirectory = mkdtempSync(join(tmpdir(), 'orrery-'));
  const port = await freePort();
  clouds += 1;
  const second = 100 + ((process.pid + clouds * 7) % 70) * 2;
  const upFlags = ['--port', String(port), '--node-port', '0', '--bind-address', '127.0.0.1'];
  upFlags.push('--cluster-cidr', `10.${second}.0.0/16`, '--service-cidr', `10.${second + 1}.0.0/16`);
  const kubeconfig = join(dataDirectory, 'kubeconfig');
  const kubectl = options.kubectl ?? 'kubectl';
  const env = { KUBECONFIG: kubeconfig, ORRERY_DATA_DIR: dataDirectory, HOME: dataDirectory, NO_COLOR: '1' };
  const node = execFileSync(process.execPath, [join(checkout, 'bin/which-node.mjs')], {
    encoding: 'utf8',
  }).trim();
  const cloud: Cloud = {
    dataDirectory,
    port,
    kubeconfig,
    upFlags,
    kubectl: (...args) => run(kubectl, args, { env }),
    kubectlWith: (input, ...args) => run(kubectl, args, { env, input }),
    orrery: (...args) => run(node, [program, ...args], { env }),
    up: (...flags) => cloud.orrery('up', '--detach', ...upFlags, ...flags),
    status: async () => JSON.parse(await cloud.orrery('status', '-o', 'json')) as CloudStatus,
    destroy: async () => {
      await cloud.orrery('down', '--all');
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
  return cloud;
}

/** Packs the image of examples/hello. */
export async function packHello(cloud: Cloud): Promise<void> {
  const node = execFileSync(process.execPath, [join(checkout, 'bin/which-node.mjs')], {
    encoding: 'utf8',
  }).trim();
  await cloud.orrery(
    'image',
    'pack',
    'local/hello',
    node,
    '--file',
    `${join(checkout, 'examples/hello/server.ts')}:/app/server.ts`,
    '--entrypoint',
    '["node","/app/server.ts"]',
    '--user',
    '65534',
  );
}

export function helloManifests(): string {
  return join(checkout, 'examples/hello');
}
