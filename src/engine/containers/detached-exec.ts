import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DetachedExec, DetachedSession, ExecOptions } from '../engine.ts';
import type { EnginePrograms } from '../requirements.ts';
import { createWithConmon, livingConmon } from './conmon.ts';
import { writeControl } from './control.ts';
import { processFor } from './exec.ts';
import { type OciConfig, ociText } from './oci-config.ts';
import { readJson, readText } from './records.ts';

export interface DetachedTarget extends EnginePrograms {
  id: string;
  /** The container's folder with its config.json. */
  bundle: string;
  runcRoot: string;
  place: (pid: number) => Promise<unknown>;
}

/**
 * Runs a further process that nobody is attached to. A conmon of its own holds it until it ends, so it outlives this
 * process, its terminal has somebody at the other side, and its exit code is kept.
 *
 * @throws OrreryError ContainerStartFailed with the runtime's own message
 */
export async function execDetached(
  target: DetachedTarget,
  options: ExecOptions,
  session: DetachedSession,
): Promise<void> {
  const { id, folder, exitCommand } = session;
  const config = (await readJson<OciConfig>(`${target.bundle}/config.json`))!;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const processPath = join(folder, 'process.json');
  await writeFile(processPath, ociText(await processFor(config, options)), { mode: 0o600 });
  try {
    await createWithConmon({
      ...target,
      name: id.slice(0, 12),
      bundle: folder,
      exec: { id, processPath },
      // It writes its word a second time, as `<folder>/exit`: by the container's id two sessions would have one file.
      exitDir: folder,
      ...{ logPath: '', tty: options.tty, stdin: false, stdinOnce: false, log: { driver: 'none' } },
      exitCommand,
      ...(options.preserveFds && { preserveFds: options.preserveFds }),
    });
  } finally {
    await rm(processPath, { force: true });
  }
}

/** What is known of one: nothing of one whose conmon has not begun, or whose folder was removed. */
export async function readDetachedExec({
  id,
  folder,
}: Pick<DetachedSession, 'id' | 'folder'>): Promise<DetachedExec> {
  // Asked before its word is read: it writes before it ends.
  const isHeld = (await livingConmon(join(folder, 'conmon.pid'), '--cuuid', id)) !== undefined;
  const [exit, pid] = await Promise.all([readText(join(folder, 'exit')), readText(join(folder, 'pidfile'))]);
  return {
    isHeld,
    ...(exit && { exitCode: Number(exit) }),
    ...(pid && { pid: Number(pid) }),
  };
}

/** @throws Conflict when no conmon listens */
export async function resizeDetachedExec(folder: string, columns: number, rows: number): Promise<void> {
  await writeControl(join(folder, 'ctl'), `1 ${rows} ${columns}\n`);
}
