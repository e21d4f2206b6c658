import { execFile, execFileSync, spawn } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface KubectlBinary {
  name: string;
  path: string;
}

export interface KubectlResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** The kubectl on PATH and the versions 1.27 to 1.33 that stand beside the real file; empty without kubectl. */
export function findKubectls(): KubectlBinary[] {
  let real: string;
  try {
    real = realpathSync(execFileSync('which', ['kubectl'], { encoding: 'utf8' }).trim());
  } catch {
    return []; // `which` finds none: the caller skips, and says so
  }
  const beside = readdirSync(dirname(real))
    .filter((file) => /^kubectl\.1\.(2[7-9]|3[0-3])$/.test(file))
    .sort()
    .map((file) => ({ name: file, path: join(dirname(real), file) }));
  return [{ name: 'kubectl on PATH', path: real }, ...beside];
}

/** One kubectl with a kubeconfig and a discovery cache of its own. */
export class Kubectl {
  readonly #binary: string;
  readonly #kubeconfig: string;
  readonly #home: string;
  readonly #namespace: string;

  private constructor(binary: string, kubeconfig: string, home: string, namespace: string) {
    this.#binary = binary;
    this.#kubeconfig = kubeconfig;
    this.#home = home;
    this.#namespace = namespace;
  }

  static async create(binary: string, kubeconfig: string, namespace: string): Promise<Kubectl> {
    return new Kubectl(binary, kubeconfig, await mkdtemp(join(tmpdir(), 'kubectl-')), namespace);
  }

  /** Never rejects: the exit code is part of the answer. */
  run(
    args: readonly string[],
    options: { input?: string; env?: Record<string, string> } = {},
  ): Promise<KubectlResult> {
    return new Promise((resolve) => {
      const child = execFile(
        this.#binary,
        ['-n', this.#namespace, ...args],
        { env: { ...this.#environment(), ...options.env }, timeout: 30_000, maxBuffer: 32 * 1024 * 1024 },
        (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
      );
      child.stdin!.end(options.input ?? '');
    });
  }

  /** What it printed. @throws when it fails. */
  async ok(...args: string[]): Promise<string> {
    return this.with('', ...args);
  }

  async with(input: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, { input });
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed (${code}): ${stderr || stdout}`);
    return stdout;
  }

  /** What it complained of. @throws when it succeeds. */
  async fails(...args: string[]): Promise<string> {
    return this.failsWith('', ...args);
  }

  async failsWith(input: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, { input });
    if (code === 0) throw new Error(`kubectl ${args.join(' ')} succeeded: ${stdout}`);
    return stderr;
  }

  /** Starts a command that runs until `until` matches what it has printed. */
  async until(args: readonly string[], until: RegExp, meanwhile: () => Promise<unknown>): Promise<string> {
    const child = spawn(this.#binary, ['-n', this.#namespace, ...args], { env: this.#environment() });
    let printed = '';
    let begun = false;
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no ${until} in: ${printed}`)), 20_000);
        child.stdout.on('data', (chunk: Buffer) => {
          printed += chunk.toString();
          if (!begun) {
            begun = true;
            meanwhile().catch(reject);
          }
          if (until.test(printed)) {
            clearTimeout(timer);
            resolve();
          }
        });
        child.on('error', reject);
      });
    } finally {
      child.kill('SIGKILL');
    }
    return printed;
  }

  async dispose(): Promise<void> {
    await rm(this.#home, { recursive: true });
  }

  #environment(): Record<string, string> {
    return {
      KUBECONFIG: this.#kubeconfig,
      HOME: this.#home,
      PATH: process.env.PATH ?? '',
      KUBECTL_KUBERC: 'false',
    };
  }
}
