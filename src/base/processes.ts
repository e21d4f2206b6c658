import { type SpawnOptions, spawn } from 'node:child_process';
import { OrreryError } from './errors.ts';

export interface CommandResult {
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  /** Written to standard input, which is then closed. */
  input?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** Ends the child with SIGKILL and fails after this long. Default 60,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** A program answered with a non-zero exit code, died by a signal, or could not be started. */
export class CommandFailed extends OrreryError {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  constructor(
    message: string,
    result: { exitCode: number | null; stdout: string; stderr: string },
    cause?: unknown,
  ) {
    super('CommandFailed', message, { cause });
    this.exitCode = result.exitCode;
    this.stdout = result.stdout;
    this.stderr = result.stderr;
  }
}

/**
 * Runs a program to its end and returns what it printed. Secrets go through `input` or `env`, never the
 * arguments: those stand in the process list.
 *
 * @throws CommandFailed when the exit code is not 0; the message carries the last line of its stderr.
 */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const spawnOptions: SpawnOptions = {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.cwd && { cwd: options.cwd }),
    };
    if (options.env !== undefined) spawnOptions.env = options.env;
    if (options.signal !== undefined) spawnOptions.signal = options.signal;
    const child = spawn(file, args, spawnOptions);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, options.timeoutMs ?? 60_000);
    child.stdout!.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => err.push(chunk));
    // The child may end before it has read all of its input; its exit code tells the story.
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(options.input);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(
        new CommandFailed(
          `cannot run ${file}: ${cause.message}`,
          { exitCode: null, stdout: '', stderr: '' },
          cause,
        ),
      );
    });
    child.on('close', (exitCode, signalName) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(out).toString();
      const stderr = Buffer.concat(err).toString();
      if (exitCode === 0) return resolve({ stdout, stderr });
      const why = timedOut
        ? `no end after ${options.timeoutMs ?? 60_000} ms`
        : (stderr.trim().split('\n').at(-1) ?? '') || `exit code ${exitCode ?? signalName}`;
      reject(new CommandFailed(`${file} ${args[0] ?? ''}: ${why}`, { exitCode, stdout, stderr }));
    });
  });
}
