import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout, freePort } from './cloud.ts';

const execute = promisify(execFile);

/** A real etcd on loopback, with a data directory of its own that ends with it. */
export interface EtcdMember {
  /** host:port */
  readonly endpoint: string;
  readonly pid: number | undefined;
  /** kill -9 */
  kill(): Promise<void>;
  /** SIGSTOP: it holds its connections and answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Starts it again on what it had, after `kill`. */
  restart(): Promise<void>;
}

export interface EtcdCluster {
  readonly members: readonly EtcdMember[];
  /** host:port of each member. */
  readonly endpoints: string[];
  /** As `--store` takes it. */
  readonly url: string;
  /** Ends all of it and removes its data. */
  stop(): Promise<void>;
}

export interface EtcdOptions {
  /** Members. Default 1. */
  size?: number;
  /** Further flags of etcd. */
  flags?: string[];
}

const START_MS = 30_000;

/** @returns when a leader is elected and every member serves. */
export async function startEtcd({ size = 1, flags = [] }: EtcdOptions = {}): Promise<EtcdCluster> {
  const program = await findEtcd();
  const home = mkdtempSync(join(tmpdir(), 'orrery-etcd-'));
  const members: Member[] = [];
  for (let i = 0; i < size; i++) {
    const [client, peer] = [await freePort(), await freePort()];
    members.push(new Member({ program, name: `m${i}`, home, client, peer }));
  }
  const cluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.kill()));
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await Promise.all(members.map((member) => member.start(['--initial-cluster', cluster, ...flags])));
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoints = members.map(({ endpoint }) => endpoint);
  return { members, endpoints, url: `etcd://${endpoints.join(',')}`, stop };
}

class Member implements EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  readonly peerUrl: string;
  readonly #program: string;
  readonly #directory: string;
  #flags: string[] = [];
  #child: ChildProcess | undefined;
  #said = '';

  constructor(options: { program: string; name: string; home: string; client: number; peer: number }) {
    this.#program = options.program;
    this.name = options.name;
    this.endpoint = `127.0.0.1:${options.client}`;
    this.peerUrl = `http://127.0.0.1:${options.peer}`;
    this.#directory = join(options.home, options.name);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(flags: string[]): Promise<void> {
    this.#flags = flags;
    await this.restart();
  }

  async restart(): Promise<void> {
    const client = `http://${this.endpoint}`;
    const tls = this.#flags.includes('--cert-file');
    const clientUrl = tls ? client.replace('http:', 'https:') : client;
    this.#said = '';
    const child = spawn(
      this.#program,
      [
        ...['--name', this.name, '--data-dir', this.#directory],
        ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
        ...['--listen-peer-urls', this.peerUrl, '--initial-advertise-peer-urls', this.peerUrl],
        ...[
          '--logger',
          'zap',
          '--log-outputs',
          'stderr',
          '--heartbeat-interval',
          '50',
          '--election-timeout',
          '500',
        ],
        ...this.#flags,
      ],
      // etcd reads ETCD_… too; a user's own must not reach the test's.
      {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { PATH: process.env.PATH, ETCD_UNSUPPORTED_ARCH: 'arm64' },
      },
    );
    this.#child = child;
    const ready = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`etcd does not start:\n${this.#said}`)), START_MS);
      child.stderr!.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk).slice(-8000);
        // Said when the member has joined and a leader is known; the listener is open then.
        if (!/ready to serve client requests|serving client traffic|serving insecure client/.test(this.#said))
          return;
        clearTimeout(timer);
        resolve();
      });
      child.on('close', () => {
        clearTimeout(timer);
        reject(new Error(`etcd ended:\n${this.#said}`));
      });
    });
    await ready;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }
}

/**
 * `etcd` of the PATH, or of Debian's package `etcd-server`, unpacked below node_modules/.cache: installing it would
 * start a service on the host, and needs root.
 */
async function findEtcd(): Promise<string> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, 'etcd'))) return join(folder, 'etcd');
  }
  const cache = join(checkout, 'node_modules', '.cache', 'etcd-server');
  const program = join(cache, 'usr', 'bin', 'etcd');
  if (existsSync(program)) return program;
  mkdirSync(join(cache, '..'), { recursive: true });
  const unpacking = mkdtempSync(`${cache}-`);
  try {
    const download = () =>
      execute('apt-get', ['-q', 'download', 'etcd-server'], { cwd: unpacking, timeout: 120_000 });
    // Package lists may be absent or old: only then fetch them, and try again.
    await download().catch(async () => {
      await execute('apt-get', ['-q', 'update'], { timeout: 120_000 });
      await download();
    });
    const archive = readdirSync(unpacking).find((file) => file.endsWith('.deb'))!;
    await execute('dpkg', ['-x', archive, '.'], { cwd: unpacking });
    if (!existsSync(program)) {
      rmSync(cache, { recursive: true, force: true });
      renameSync(unpacking, cache);
    }
    return program;
  } catch (cause) {
    throw new Error("etcd is not on PATH and Debian's package etcd-server cannot be had", { cause });
  } finally {
    rmSync(unpacking, { recursive: true, force: true });
  }
}
