import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { CommandFailed, type CommandResult, OrreryError, runCommand } from '../../base/index.ts';
import { inNetworkNamespace, mayNotReturn } from './network-namespace.ts';

/**
 * Where bridges, links and rules of user networks are made: the network namespace of this process, or one that
 * stands for the host to an ordinary user, entered by a program in front of every other.
 */
export class NetworkHost {
  readonly #enter: () => Promise<readonly string[]>;
  /** The namespace of this process. */
  readonly isOwn: boolean;

  /** @param enter program and arguments, `nsenter --net=…`; absent: where this process is. */
  constructor(enter?: () => Promise<readonly string[]>) {
    this.isOwn = enter === undefined;
    this.#enter = enter ?? (async () => []);
  }

  /** @throws OrreryError NetworkFailed with the program's own words. */
  async run(program: string, args: readonly string[], input?: string): Promise<CommandResult> {
    const [file, ...rest] = [...(await this.#enter()), program, ...args];
    return await answer(program, () => runCommand(file!, rest, input === undefined ? {} : { input }));
  }

  /** As `run`, in the network namespace of a container. */
  async runInside(
    namespacePath: string,
    program: string,
    args: readonly string[],
    input?: string,
  ): Promise<CommandResult> {
    const entering = () => this.run('nsenter', [`--net=${namespacePath}`, program, ...args], input);
    if (!this.isOwn) return await entering();
    try {
      return await answer(program, () =>
        // The child is there when it returns, and so is where it was made.
        inNetworkNamespace(namespacePath, () =>
          runCommand(program, args, input === undefined ? {} : { input }),
        ),
      );
    } catch (error) {
      if (mayNotReturn(error)) return await entering();
      throw error;
    }
  }

  /**
   * Starts a program that is not waited for and goes on when this process has ended. It holds the locks until its
   * end; nobody hears of what it could not do, so it is for taking away alone.
   */
  async leave(
    program: string,
    args: readonly string[],
    { input, locks }: { input: string; locks: readonly number[] },
  ): Promise<void> {
    const [file, ...rest] = await this.commandLine(program, args);
    const child = spawn(file!, rest, {
      ...{ detached: true, cwd: '/' },
      stdio: ['pipe', 'ignore', 'ignore', ...locks],
    });
    await new Promise<void>((resolve, reject) => {
      const failed = (cause: Error) =>
        reject(new OrreryError('NetworkFailed', `${program}: ${cause.message}`, { cause }));
      child.on('error', failed);
      child.stdin!.on('error', failed);
      child.stdin!.end(input, () => resolve());
    });
    child.unref();
  }

  /** The command line that starts `program` there. */
  async commandLine(program: string, args: readonly string[]): Promise<string[]> {
    return [...(await this.#enter()), program, ...args];
  }

  async linkNames(): Promise<string[]> {
    return linkNamesIn(await this.#read('/proc/self/net/dev'));
  }

  /** Ranges that lead somewhere on this host, each with its link. */
  async routes(): Promise<{ range: string; link: string }[]> {
    const { stdout } = await this.run('ip', ['route', 'show', 'table', 'all']);
    return routesIn(stdout);
  }

  /** Sets what is not so already. @returns false where this process may not. */
  async setting(path: string, value: string): Promise<boolean> {
    try {
      if ((await this.#read(path)).trim() === value) return true;
      if (this.isOwn) await writeFile(path, value);
      else await this.run('sh', ['-c', 'printf %s "$1" > "$0"', path, value]);
      return true;
    } catch (error) {
      if (error instanceof OrreryError) return false;
      if (['EACCES', 'EROFS', 'EPERM', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? ''))
        return false;
      throw error;
    }
  }

  async #read(path: string): Promise<string> {
    if (this.isOwn) return await readFile(path, 'utf8');
    return (await this.run('cat', [path])).stdout;
  }
}

async function answer(program: string, command: () => Promise<CommandResult>): Promise<CommandResult> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const why = error.stderr.trim().split('\n')[0] || error.message;
    throw new OrreryError('NetworkFailed', `${program}: ${why}`, { cause: error });
  }
}

/** proc_net_dev: two lines of headings, then `name: counters`. */
export function linkNamesIn(table: string): string[] {
  return table
    .split('\n')
    .slice(2)
    .flatMap((line) => (line.includes(':') ? [line.slice(0, line.indexOf(':')).trim()] : []));
}

/** What `ip route show table all` prints. */
export function routesIn(text: string): { range: string; link: string }[] {
  const routes: { range: string; link: string }[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const range = /^(?:local|broadcast|anycast|multicast|unreachable|blackhole|prohibit)$/.test(words[0]!)
      ? words[1]
      : words[0];
    if (range === undefined || !/^[0-9a-f.:]+(?:\/\d+)?$/i.test(range)) continue;
    // Link-local and multicast ranges are on every link.
    if (/^(?:fe80|ff|::1|127\.)/i.test(range)) continue;
    const full = range.includes('/') ? range : `${range}/${range.includes(':') ? 128 : 32}`;
    routes.push({ range: full, link: words[words.indexOf('dev') + 1] ?? '' });
  }
  return routes;
}
