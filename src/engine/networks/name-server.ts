import { spawn } from 'node:child_process';
import { access, constants, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../../base/index.ts';
import { processArguments } from '../system/process-identity.ts';
import type { NetworkHost } from './network-host.ts';

const PROGRAMS = [
  '/usr/libexec/podman/aardvark-dns',
  '/usr/lib/podman/aardvark-dns',
  '/usr/bin/aardvark-dns',
];
const PID_FILE = 'aardvark.pid';

/** The names of one network, as the server answers for them. */
export interface NamedNetwork {
  name: string;
  /** Gateways: where it listens. */
  listenAddresses: string[];
  /** Where it asks for what it does not know; default the host's resolvers. */
  upstreams: string[];
  containers: { id: string; ipv4: string[]; ipv6: string[]; names: string[] }[];
}

/**
 * aardvark-dns (containers/aardvark-dns, Debian's package of that name), one process for all networks of an
 * instance: started when the first container needs it, told of changes by SIGHUP, gone by itself when no
 * network is left in its folder.
 */
export class NameServer {
  readonly #host: NetworkHost;
  readonly #folder: string;
  readonly #programs: readonly string[];
  #program: Promise<string | undefined> | undefined;

  constructor(options: { host: NetworkHost; folder: string; programs?: readonly string[] }) {
    this.#host = options.host;
    this.#folder = options.folder;
    this.#programs = options.programs ?? PROGRAMS;
  }

  async isInstalled(): Promise<boolean> {
    this.#program ??= firstProgram(this.#programs);
    return (await this.#program) !== undefined;
  }

  /**
   * Serves exactly these, and nothing when there are none. Not to be called twice at once: the caller has a lock.
   * @returns false when it is not installed, or does not start (another server has the port)
   */
  async serve(networks: readonly NamedNetwork[]): Promise<boolean> {
    if (!(await this.isInstalled())) return false;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const wanted = new Map(networks.map((network) => [network.name, nameFile(network)]));
    let isChanged = false;
    for (const name of await readdir(this.#folder)) {
      if (name === PID_FILE || wanted.has(name)) continue;
      await rm(join(this.#folder, name), { force: true });
      isChanged = true;
    }
    for (const [name, content] of wanted) {
      const path = join(this.#folder, name);
      if ((await readIfThere(path)) === content) continue;
      // Written beside the folder: the server reads every file in it.
      const temporary = `${this.#folder}.${name}`;
      await writeFile(temporary, content, { mode: 0o600 });
      await rename(temporary, path);
      isChanged = true;
    }
    const pid = await this.#runningPid();
    if (pid !== undefined && isChanged) process.kill(pid, 'SIGHUP');
    if (pid !== undefined || wanted.size === 0) return true;
    return await this.#start();
  }

  /** What is left of it: for `reset`. */
  async stop(): Promise<void> {
    await this.serve([]);
    const pid = await this.#runningPid();
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #runningPid(): Promise<number | undefined> {
    const pid = Number(await readIfThere(join(this.#folder, PID_FILE)));
    if (!Number.isInteger(pid) || pid <= 1) return undefined;
    // A pid of before a reboot may be anybody's.
    return (await processArguments(pid))?.includes(this.#folder) ? pid : undefined;
  }

  async #start(): Promise<boolean> {
    const args = ['--config', this.#folder, '--port', '53', 'run'];
    const [file, ...rest] = await this.#host.commandLine((await this.#program)!, args);
    await rm(join(this.#folder, PID_FILE), { force: true });
    // It goes on in the background; its first process ends when the second serves.
    const child = spawn(file!, rest, { stdio: 'ignore', detached: true, cwd: '/' });
    const exitCode = await new Promise<number | null>((resolve) => {
      child.on('error', () => resolve(null));
      child.on('exit', resolve);
    });
    return exitCode === 0 && (await this.#runningPid()) !== undefined;
  }
}

/** The format of its configuration (aardvark-dns, src/config/mod.rs). */
export function nameFile(network: NamedNetwork): string {
  const upstreams = network.upstreams.length > 0 ? ` ${network.upstreams.join(',')}` : '';
  return [
    `${network.listenAddresses.join(',')}${upstreams}`,
    ...network.containers.map(
      ({ id, ipv4, ipv6, names }) => `${id} ${ipv4.join(',')} ${ipv6.join(',')} ${names.join(',')}`,
    ),
    '',
  ].join('\n');
}

async function firstProgram(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // Not here: the next place is asked, and without it names are in /etc/hosts.
    }
  }
  return undefined;
}
