import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './cloud.ts';
import { findDebianProgram } from './debian-program.ts';

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
  const program = await findDebianProgram('etcd', 'etcd-server');
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
