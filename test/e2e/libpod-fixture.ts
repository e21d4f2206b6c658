import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findBusybox } from '../harness/debian-packages.ts';

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** The container tool on a directory of its own, with one image made of this host's busybox. */
export class Tool {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  static async open(): Promise<Tool> {
    const tool = new Tool(await mkdtemp(join(tmpdir(), 'libpod-')));
    await tool.ok('image', 'pack', '--entrypoint', '[]', 'localhost/box', await findBusybox());
    return tool;
  }

  /** No output of a process that stays behind is waited for. */
  run(...words: string[]): Promise<Ran> {
    const main = resolve(import.meta.dirname, '../../src/cli/main.ts');
    return new Promise((resolveRan) => {
      const child = execFile(
        process.execPath,
        [main, '--root', this.root, ...words],
        { timeout: 30_000, killSignal: 'SIGKILL' },
        () => undefined,
      );
      const out = { stdout: '', stderr: '' };
      child.stdout!.on('data', (chunk: string) => (out.stdout += chunk));
      child.stderr!.on('data', (chunk: string) => (out.stderr += chunk));
      child.stdin!.end();
      child.once('exit', (code) => setImmediate(() => resolveRan({ code: code ?? -1, ...out })));
    });
  }

  /** @returns what it printed, without the last newline. @throws when it fails */
  async ok(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...words);
    if (code !== 0) throw new Error(`${words.join(' ')}: exit code ${code}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  async close(): Promise<void> {
    await this.run('pod', 'rm', '-f', '-t', '0', '-a');
    await this.run('rm', '-f', '-t', '0', '-a');
    await this.run('system', 'reset', '-f');
    await rm(this.root, { recursive: true, force: true });
  }
}
