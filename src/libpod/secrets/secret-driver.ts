import { spawn } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BadRequest, NotFound, namesIn, OrreryError, writeFileAtomic } from '../../base/index.ts';

/** Where the bytes of secrets are. */
export interface SecretDriver {
  store(id: string, data: Buffer): Promise<void>;
  /** @throws NotFound */
  lookup(id: string): Promise<Buffer>;
  delete(id: string): Promise<void>;
}

/** A file each, that only its owner reads. */
export class FileSecretDriver implements SecretDriver {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async store(id: string, data: Buffer): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(this.#folder, id), data, { mode: 0o600 });
  }

  async lookup(id: string): Promise<Buffer> {
    try {
      return await readFile(join(this.#folder, id));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new NotFound(`no secret data with ID ${JSON.stringify(id)}: no such secret`, { cause: error });
    }
  }

  async delete(id: string): Promise<void> {
    await rm(join(this.#folder, id), { force: true });
  }

  async ids(): Promise<string[]> {
    return await namesIn(this.#folder);
  }
}

const COMMANDS = ['list', 'lookup', 'store', 'delete'] as const;

/**
 * Commands of the user's own keep them (podman-secret-create(1), driver `shell`): SECRET_ID names the secret in the
 * environment, its bytes come and go through the pipes; they are in no argument.
 */
export class ShellSecretDriver implements SecretDriver {
  readonly #commands: Record<(typeof COMMANDS)[number], string>;

  /** @throws BadRequest */
  constructor(options: Readonly<Record<string, string>>) {
    for (const name of Object.keys(options))
      if (!(COMMANDS as readonly string[]).includes(name))
        throw new BadRequest(`invalid shell driver option: ${JSON.stringify(name)}`);
    const missing = COMMANDS.filter((name) => !options[name]);
    if (missing.length > 0)
      throw new BadRequest(`missing config value: shell driver requires ${missing.join(', ')}`);
    this.#commands = options as Record<(typeof COMMANDS)[number], string>;
  }

  async store(id: string, data: Buffer): Promise<void> {
    await this.#run('store', id, data);
  }

  async lookup(id: string): Promise<Buffer> {
    return await this.#run('lookup', id);
  }

  async delete(id: string): Promise<void> {
    await this.#run('delete', id);
  }

  async #run(name: (typeof COMMANDS)[number], id: string, input: Buffer = Buffer.alloc(0)): Promise<Buffer> {
    const child = spawn('/bin/sh', ['-c', this.#commands[name]], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', SECRET_ID: id },
    });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    // It may end before it has read all; its exit code tells.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (exitCode !== 0)
      throw new OrreryError('CommandFailed', `the shell driver's ${name} command ended with ${exitCode}`);
    return Buffer.concat(output);
  }
}
