import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { ReadStream as TerminalStream } from 'node:tty';
import { OrreryError, systemClock } from '../../base/index.ts';
import type { ExecOptions, ExecSession } from '../engine.ts';
import { libc } from '../system/libc.ts';
import { availableCapabilities } from './capabilities.ts';
import { type OciConfig, type OciProcess, ociText } from './oci-config.ts';
import { readJson, readText } from './records.ts';
import { lookUpUser } from './users.ts';

const RUNC_FAILED = 255;

export interface ExecTarget {
  id: string;
  /** The container's folder with its config.json. */
  bundle: string;
  runc: string;
  runcRoot: string;
  /** Whether a pid belongs to this container: a session is never killed on a pid file's word alone. */
  holds: (pid: number) => boolean;
}

/**
 * Runs a further process in a running container with `runc exec`: through pipes, or through a terminal that
 * this process holds. The command and its environment go through a file, not through arguments, which every
 * user of the host could read.
 */
export async function execInContainer(target: ExecTarget, options: ExecOptions): Promise<ExecSession> {
  const config = (await readJson<OciConfig>(`${target.bundle}/config.json`))!;
  const prefix = `${target.bundle}/exec-${randomBytes(6).toString('hex')}`;
  const described = await processFor(config, options);
  await writeFile(`${prefix}.json`, ociText(described), { mode: 0o600 });
  const args = [
    ...['--root', target.runcRoot, '--log', `${prefix}.log`, '--log-format', 'json', 'exec'],
    ...['--process', `${prefix}.json`, '--pid-file', `${prefix}.pid`],
    ...(options.preserveFds ? ['--preserve-fds', String(options.preserveFds)] : []),
    target.id,
  ];
  const session = options.tty
    ? openTerminalSession(target.runc, args, options.terminalSize)
    : openPipeSession(target.runc, args, options);
  return superviseSession(session, target, {
    prefix,
    timeoutMs: options.timeoutMs,
    command: options.command,
  });
}

/** As the container's first process is, but for what is asked. */
export async function processFor(config: OciConfig, options: ExecOptions): Promise<OciProcess> {
  const { consoleSize: _first, ...base } = config.process;
  const env = new Map(base.env.map((line) => [line.slice(0, line.indexOf('=')), line]));
  if (options.tty) env.set('TERM', 'TERM=xterm');
  const asked = await asUser(config, options);
  if (asked.home !== undefined) env.set('HOME', `HOME=${asked.home}`);
  for (const [name, value] of Object.entries(options.env ?? {})) env.set(name, `${name}=${value}`);
  const size = options.terminalSize;
  return {
    ...base,
    ...asked.fields,
    terminal: options.tty,
    args: options.command,
    env: [...env.values()],
    ...(options.workingDir && { cwd: options.workingDir }),
    ...(options.tty && size && { consoleSize: { width: size.columns, height: size.rows } }),
  };
}

/** The user asked for, and what such a one may: root all that the container has, others nothing, as at its start. */
async function asUser(
  config: OciConfig,
  { user, privileged }: ExecOptions,
): Promise<{ fields: Partial<OciProcess>; home?: string }> {
  const base = config.process;
  const all = privileged ? availableCapabilities() : base.capabilities.bounding;
  const capabilities = (own: string[], ambient: string[]) => ({
    capabilities: { bounding: all, effective: own, permitted: own, inheritable: ambient, ambient },
  });
  if (user === undefined || user === '')
    return { fields: privileged ? capabilities(all, base.user.uid === 0 ? [] : all) : {} };
  const found = await lookUpUser(user, config.root.path, []);
  const { uid, gid, additionalGids, home } = found;
  const isRoot = uid === 0;
  return {
    fields: {
      user: { uid, gid, umask: base.user.umask, ...(additionalGids.length > 0 && { additionalGids }) },
      ...capabilities(isRoot || privileged ? all : [], !isRoot && privileged ? all : []),
    },
    ...(home !== undefined && home !== '' && { home }),
  };
}

interface RawSession {
  child: ChildProcess;
  stdin: Writable | undefined;
  stdout: Readable;
  stderr: Readable | undefined;
  terminalPath?: string;
  resize(columns: number, rows: number): void;
}

function openPipeSession(runc: string, args: string[], options: ExecOptions): RawSession {
  const kept = Array.from({ length: options.preserveFds ?? 0 }, (_, i) => 3 + i);
  const stdio: StdioOptions = [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe', ...kept];
  const child = spawn(runc, args, { stdio, env: {} });
  // A process that ends before reading all its input is no failure of the session.
  child.stdin?.on('error', () => undefined);
  return {
    child,
    stdin: child.stdin ?? undefined,
    // Node throws away what nobody has read of a child's own streams when it exits.
    stdout: child.stdout!.pipe(new PassThrough()),
    stderr: child.stderr!.pipe(new PassThrough()),
    resize: () => undefined,
  };
}

/**
 * runc copies between the container's own terminal and ours, and follows our size by SIGWINCH. Ours is raw
 * from the start: what is typed before runc is ready is not echoed a second time.
 */
function openTerminalSession(runc: string, args: string[], size: ExecOptions['terminalSize']): RawSession {
  const { master, slave } = libc().openTerminal();
  const terminalPath = readlinkSync(`/proc/self/fd/${slave}`);
  if (size !== undefined) libc().resizeTerminal(master, size.columns, size.rows);
  const child = spawn('setsid', ['--ctty', '--wait', runc, ...args], {
    stdio: [slave, slave, slave],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  libc().closeFd(slave);
  const terminal = new TerminalStream(master);
  const stdout = new PassThrough();
  let open = true;
  // EIO is how the kernel says that nobody holds the other side any more: the end, not a failure.
  terminal.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EIO') stdout.destroy(error);
  });
  terminal.on('close', () => {
    open = false;
    stdout.end();
  });
  terminal.pipe(stdout, { end: false });
  return {
    child,
    stdin: terminal as unknown as Writable,
    stdout,
    stderr: undefined,
    terminalPath,
    resize: (columns, rows) => {
      if (open) libc().resizeTerminal(master, columns, rows);
    },
  };
}

function superviseSession(
  session: RawSession,
  target: ExecTarget,
  about: { prefix: string; timeoutMs: number | undefined; command: string[] },
): ExecSession {
  const { child, stdin, stdout, stderr } = session;
  let timedOut = false;
  const kill = () => void endProcess(child, target, about.prefix);
  const timer =
    about.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          kill();
        }, about.timeoutMs);
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new OrreryError('EngineUnavailable', `cannot run ${target.runc}: ${cause.message}`, { cause })),
    );
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (timedOut)
        reject(
          new OrreryError('ExecTimeout', `command ${JSON.stringify(about.command.join(' '))} timed out`),
        );
      else
        resolve(
          code === RUNC_FAILED ? exitCodeOf(about.prefix) : (code ?? 128 + (signal === 'SIGKILL' ? 9 : 15)),
        );
    });
  }).finally(() => removeFiles(about.prefix));
  // Whoever does not ask for the exit code must not bring the process down by that.
  exit.catch(() => undefined);
  return {
    ...(stdin && { stdin }),
    stdout,
    ...(stderr && { stderr }),
    ...(session.terminalPath && { terminalPath: session.terminalPath }),
    resize: session.resize,
    exit,
    kill,
  };
}

/**
 * A shell's and Docker's exit codes for what never ran: 127 not found, 126 not executable. runc says 255 for
 * these, as a command may itself; its log tells the two apart.
 */
async function exitCodeOf(prefix: string): Promise<number> {
  const log = await readText(`${prefix}.log`);
  if (log === undefined || !/exec failed/.test(log)) return RUNC_FAILED;
  if (/executable file not found|no such file or directory/.test(log)) return 127;
  return /permission denied|exec format error|is a directory/.test(log) ? 126 : RUNC_FAILED;
}

async function removeFiles(prefix: string): Promise<void> {
  await rm(`${prefix}.log`, { force: true });
  await rm(`${prefix}.json`, { force: true });
  await rm(`${prefix}.pid`, { force: true });
}

/**
 * Ends the session's process and its process group in the container; runc then ends by itself. runc writes
 * the pid file a moment after the process has begun, and killing runc before would leave that process alone.
 */
async function endProcess(child: ChildProcess, target: ExecTarget, prefix: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const pid = Number((await readText(`${prefix}.pid`)) ?? 0);
    if (pid > 0 && target.holds(pid)) {
      for (const one of [-pid, pid]) signalQuietly(one);
      return;
    }
    await systemClock.sleep(5);
  }
  child.kill('SIGKILL');
}

function signalQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
