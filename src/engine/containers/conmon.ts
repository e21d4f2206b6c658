import { type ChildProcess, spawn } from 'node:child_process';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { OrreryError } from '../../base/index.ts';
import { rootlessFacts } from '../rootless/facts.ts';
import { enteredDirectory, nameHolder } from '../rootless/namespace-holder.ts';
import { processArguments } from '../system/process-identity.ts';
import { readText } from './records.ts';

export interface ConmonOptions {
  conmon: string;
  runc: string;
  runcRoot: string;
  id: string;
  name: string;
  bundle: string;
  exitDir: string;
  logPath: string;
  tty: boolean;
  stdin: boolean;
  stdinOnce: boolean;
  log?: { driver: 'k8s-file' | 'none' | 'passthrough'; maxSizeBytes?: number };
  exitCommand?: string[];
  timeoutSeconds?: number;
  preserveFds?: number;
  /** A further process of a container that runs: the session's id, and the file that describes the process. */
  exec?: { id: string; processPath: string };
  /** Descriptors of ours that it holds too. */
  heldDescriptors?: readonly number[];
  runtimeFlags?: readonly string[];
  conmonEnvironment?: Readonly<Record<string, string>>;
  /** Called with conmon's pid before it forks: the moment to put it into a control group. */
  place: (pid: number) => Promise<unknown>;
}

/** conmon's answer on its sync pipe (api version 1): the container's pid, or -1 and why. */
interface SyncMessage {
  data: number;
  message?: string;
}

const TIMEOUT_MS = 120_000;

/** A conmon that waits for the word to begin. */
export interface WaitingConmon {
  /**
   * It detaches itself (double fork, own session), runs `runc create` and stays with the container until its end. It
   * writes the log in CRI's format, and the exit code to `<exitDir>/<id>` and `<bundle>/exit`: a folder of that name
   * makes it write neither. Nothing of it depends on this process afterwards.
   *
   * @returns the container's pid. @throws OrreryError ContainerStartFailed with runc's own message.
   */
  create(): Promise<number>;
  /** Ends one that was not told to create. */
  dismiss(): void;
}

/** @see WaitingConmon */
export async function createWithConmon(options: ConmonOptions): Promise<number> {
  return await startConmon(options).create();
}

/**
 * Protocol: conmon 2.1, conmon.c: it waits for a byte on _OCI_STARTPIPE, which leaves time to place it, answers on
 * _OCI_SYNCPIPE.
 */
export function startConmon(options: ConmonOptions): WaitingConmon {
  const kept = options.preserveFds ?? 0;
  const isPassedThrough = options.log?.driver === 'passthrough';
  const child = spawn(options.conmon, conmonArguments(options), {
    detached: true,
    stdio: [
      ...(isPassedThrough ? [0, 1] : (['ignore', 'ignore'] as const)),
      isPassedThrough ? 2 : 'pipe',
      ...Array.from({ length: kept }, (_, i) => 3 + i),
      'pipe',
      'pipe',
      ...(options.heldDescriptors ?? []),
    ],
    env: {
      ...options.conmonEnvironment,
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      _OCI_SYNCPIPE: String(3 + kept),
      _OCI_STARTPIPE: String(4 + kept),
    },
    cwd: options.bundle,
  });
  const sync = child.stdio[3 + kept] as Readable;
  const start = child.stdio[4 + kept] as Writable;
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) =>
      reject(
        new OrreryError('EngineUnavailable', `cannot run ${options.conmon}: ${cause.message}`, { cause }),
      ),
    );
  });
  failed.catch(() => undefined);
  const forked = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // The pipe breaks when conmon dies before reading; its silence on the other pipe tells.
  start.on('error', () => undefined);
  const complaint = child.stderr === null ? Promise.resolve('') : collect(child.stderr);
  const answer = collect(sync);
  const pidFile = `${options.bundle}/conmon.pid`;
  // Its own word comes when it has detached itself; should this process be killed before, others are to know of it.
  if (child.pid !== undefined) {
    writeFileSync(`${pidFile}.tmp`, String(child.pid));
    renameSync(`${pidFile}.tmp`, pidFile);
  }
  const placed = child.pid === undefined ? failed : options.place(child.pid);
  placed.catch(() => undefined);
  const dismiss = () => {
    // In this order: one that is named and does not live has ended without a word.
    rmSync(pidFile, { force: true });
    child.kill('SIGKILL');
    release(child);
  };
  const create = async () => {
    try {
      await placed;
    } catch (error) {
      dismiss();
      throw error;
    }
    start.end('\0');
    return await created({ options, child, failed, forked, complaint, answer });
  };
  return { create, dismiss };
}

async function created(given: {
  options: ConmonOptions;
  child: ChildProcess;
  failed: Promise<never>;
  forked: Promise<void>;
  complaint: Promise<string>;
  answer: Promise<string>;
}): Promise<number> {
  const { options, child, failed, forked, complaint, answer } = given;
  const sync = child.stdio[3 + (options.preserveFds ?? 0)] as Readable;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new OrreryError('ContainerStartFailed', `no answer from conmon in ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
  });
  try {
    const text = await Promise.race([firstLine(sync, answer), failed, late]);
    const pid = pidFrom(text, text === '' ? await complaint : '');
    // The process that was begun ends when it has named the one it goes on as, which may have answered before.
    await Promise.race([forked, late]);
    if (options.exec === undefined) await keepNamespaces(options.bundle);
    return pid;
  } finally {
    clearTimeout(timer);
    release(child);
  }
}

/**
 * The conmon that a pid file names, when it lives: the number alone could be a stranger's by now. `flag` with `id` is in
 * its arguments (its exit command carries the id too).
 */
export async function livingConmon(
  pidFile: string,
  flag: '--cid' | '--cuuid',
  id: string,
): Promise<number | undefined> {
  let named = await readText(pidFile);
  while (named !== undefined) {
    const pid = Number(named);
    const args = pid > 0 ? await processArguments(pid) : undefined;
    if (args?.[args.indexOf(flag) + 1] === id) return pid;
    // It goes on as another process, which is named before the one that was begun ends.
    const now = await readText(pidFile);
    if (now === named) return undefined;
    named = now;
  }
  return undefined;
}

/** An ordinary user's next command joins the namespaces by the conmon that lives in them. */
async function keepNamespaces(bundle: string): Promise<void> {
  if (!rootlessFacts().isRootless) return;
  const directory = enteredDirectory();
  const pid = Number((await readText(`${bundle}/conmon.pid`)) ?? 0);
  if (directory !== undefined && pid > 0) nameHolder(directory, pid);
}

function conmonArguments(options: ConmonOptions): string[] {
  const { id, bundle } = options;
  return [
    ...['--api-version', '1', '--cid', id, '--cuuid', options.exec?.id ?? id, '--name', options.name],
    ...(options.exec === undefined ? [] : ['--exec', '--exec-process-spec', options.exec.processPath]),
    ...['--bundle', bundle, '--persist-dir', bundle, '--exit-dir', options.exitDir],
    ...['--container-pidfile', `${bundle}/pidfile`, '--conmon-pidfile', `${bundle}/conmon.pid`],
    ...['--log-path', logTarget(options), '--log-level', 'error', '--no-sync-log'],
    ...['--full-attach', '--runtime', options.runc, '--runtime-arg', `--root=${options.runcRoot}`],
    ...(options.runtimeFlags ?? []).flatMap((flag) => ['--runtime-arg', `--${flag}`]),
    ...(options.tty ? ['--terminal'] : []),
    ...(options.stdin ? ['--stdin'] : []),
    ...(options.stdin && !options.stdinOnce ? ['--leave-stdin-open'] : []),
    ...(options.log?.maxSizeBytes === undefined ? [] : ['--log-size-max', String(options.log.maxSizeBytes)]),
    ...(options.timeoutSeconds ? ['--timeout', String(options.timeoutSeconds)] : []),
    ...(options.preserveFds ? ['--runtime-opt', `--preserve-fds=${options.preserveFds}`] : []),
    ...(options.exitCommand ?? []).flatMap((word, i) =>
      i === 0 ? ['--exit-command', word] : ['--exit-command-arg', word],
    ),
  ];
}

function logTarget({ log, logPath }: ConmonOptions): string {
  return log === undefined || log.driver === 'k8s-file' ? `k8s-file:${logPath}` : log.driver;
}

/** conmon keeps its end of the sync pipe open for a while: the answer is its first line, not its end. */
function firstLine(stream: Readable, whole: Promise<string>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text);
    });
    whole.then(resolve, reject);
  });
}

function collect(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const done = () => resolve(Buffer.concat(chunks).toString().trim());
    stream.once('close', done);
    stream.once('error', done);
  });
}

function pidFrom(text: string, complaint: string): number {
  if (text.trim() === '')
    throw new OrreryError('ContainerStartFailed', complaint || 'conmon ended without an answer');
  const message = JSON.parse(text) as SyncMessage;
  if (message.data > 0) return message.data;
  throw new OrreryError('ContainerStartFailed', tidy(message.message ?? 'runc create failed'));
}

/** runc's last complaint, without logrus' frame: `time="…" level=error msg="runc create failed: …"`. */
export function tidy(message: string): string {
  const lines = message.trim().split('\n');
  const quoted = /msg="((?:[^"\\]|\\.)*)"/.exec(lines.at(-1)!)?.[1];
  return quoted === undefined ? lines.at(-1)! : (JSON.parse(`"${quoted}"`) as string);
}

function release(child: ChildProcess): void {
  for (const stream of child.stdio) stream?.destroy();
  child.unref();
}
