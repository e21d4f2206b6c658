import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, Conflict, type Log, NotFound } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import { absent } from '../volumes/atomic-writer.ts';

/** The kubelet's defaults: containerLogMaxSize, containerLogMaxFiles, containerLogMonitorInterval. */
const maxSizeBytes = 10 * 1024 * 1024;
const maxFiles = 5;
const checkEveryMs = 10_000;

export interface LogRotationOptions {
  engine: Engine;
  clock: Clock;
  log: Log;
  /** The containers that write now. */
  running(): Iterable<{ id: string; logPath: string }>;
}

/**
 * Keeps the logs of running containers from filling the disk: one that has grown over its size is renamed to
 * `<name>.<time>` and begun anew; of the old ones the newest are kept. Not compressed, unlike the kubelet's.
 */
export async function rotateLogs(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { clock, log } = options;
  while (!signal.aborted) {
    // Rejects only because of the signal, which ends the loop.
    await clock.sleep(checkEveryMs, signal).catch(() => undefined);
    for (const { id, logPath } of options.running()) {
      if (signal.aborted) return;
      try {
        const file = await stat(logPath).catch(absent);
        // A process of ours that died between the two steps has left none.
        if (file === undefined) await options.engine.reopenLog(id);
        else if (file.size > maxSizeBytes) await rotateLog(options, { id, logPath });
      } catch (error) {
        if (error instanceof Conflict || error instanceof NotFound) continue;
        log.warn('cannot rotate a log', { container: id, error });
      }
    }
  }
}

/** The log goes on in a new file; of the old ones, `maxFiles - 1` are kept. */
export async function rotateLog(
  { engine, clock }: { engine: Pick<Engine, 'reopenLog'>; clock: Pick<Clock, 'now'> },
  { id, logPath }: { id: string; logPath: string },
): Promise<void> {
  const old = await rotatedLogs(logPath);
  for (const path of old.slice(0, Math.max(0, old.length - (maxFiles - 2)))) await rm(path, { force: true });
  const renamed = `${logPath}.${timestamp(clock.now())}`;
  await rename(logPath, renamed);
  try {
    await engine.reopenLog(id);
  } catch (error) {
    // It is still written to, or will not be any more: `kubectl logs` looks for it by its old name.
    if ((await stat(logPath).catch(absent)) === undefined) await rename(renamed, logPath);
    if (!(error instanceof Conflict || error instanceof NotFound)) throw error;
  }
}

/** Removes a container's log and what was rotated away of it. */
export async function removeLogs(logPath: string): Promise<void> {
  for (const path of [logPath, ...(await rotatedLogs(logPath))]) await rm(path, { force: true });
}

/** Oldest first. */
async function rotatedLogs(logPath: string): Promise<string[]> {
  const folder = dirname(logPath);
  const prefix = `${basename(logPath)}.`;
  const names = (await readdir(folder).catch(absent)) ?? [];
  return names
    .filter((name) => name.startsWith(prefix) && /^\d{8}-\d{6}\.\d{3}$/.test(name.slice(prefix.length)))
    .sort()
    .map((name) => join(folder, name));
}

/** The kubelet's form, `20060102-150405`, and milliseconds. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:Z]/g, '').replace('T', '-');
}
