import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BadRequest, type Log, messageOf } from '../../base/index.ts';

/** kube-apiserver's flags of these names; each has a default. */
export interface AuditLogLimits {
  /** --audit-log-maxsize: a file that would grow over it is renamed. Default 100 MiB. */
  maxBytes?: number;
  /** --audit-log-maxbackup: how many renamed ones stay; 0: all. Default 10. */
  maxBackups?: number;
  /** --audit-log-maxage: renamed ones that are older go; 0: none for its age. Default 0. */
  maxAgeDays?: number;
}

/** kube-apiserver's --audit-log-maxsize, its default. */
const MAX_BYTES = 100 * 1024 * 1024;
const MAX_BACKUPS = 10;
const DAY_MS = 86_400_000;
/** Lines waiting for a slow disk; beyond them events are lost, and the log says so. */
const WAITING_LIMIT_BYTES = 16 * 1024 * 1024;

/** A file of JSON lines, readable by its owner alone, or the standard output (`-`); old files are kept as the limits say. */
export class AuditLog {
  readonly #path: string;
  readonly #log: Log;
  readonly #limits: Required<AuditLogLimits>;
  /** Undefined: the standard output. */
  #file: FileHandle | undefined;
  #size: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #closed = false;
  #writing: Promise<void> | undefined;

  private constructor(
    path: string,
    file: FileHandle | undefined,
    size: number,
    options: AuditLogLimits & { log: Log },
  ) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#log = options.log;
    const { maxBytes = MAX_BYTES, maxBackups = MAX_BACKUPS, maxAgeDays = 0 } = options;
    this.#limits = { maxBytes, maxBackups, maxAgeDays };
  }

  /** @throws BadRequest. */
  static async open(path: string, options: AuditLogLimits & { log: Log }): Promise<AuditLog> {
    if (path === '-') return new AuditLog(path, undefined, 0, options);
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, 'a', 0o600);
      return new AuditLog(path, file, (await file.stat()).size, options);
    } catch (cause) {
      throw new BadRequest(`the audit log ${path} cannot be written: ${messageOf(cause)}`, { cause });
    }
  }

  /** Takes the event at once and writes it soon. */
  write(event: object): void {
    if (this.#closed) return;
    const line = `${JSON.stringify(event)}\n`;
    if (this.#waitingBytes + line.length > WAITING_LIMIT_BYTES) {
      this.#log.error('audit event lost: the disk is too slow', { path: this.#path });
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#drain();
  }

  /** Everything taken until now is written. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Everything taken is in the file; what comes later is not taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    await this.#file?.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        await this.#append(text);
      } catch (error) {
        this.#log.error('audit events lost', { path: this.#path, error });
      }
    }
    this.#writing = undefined;
  }

  async #append(text: Buffer): Promise<void> {
    if (this.#file === undefined) {
      await new Promise<void>((resolve, reject) =>
        process.stdout.write(text, (error) => (error ? reject(error) : resolve())),
      );
      return;
    }
    const file =
      this.#size > 0 && this.#size + text.length > this.#limits.maxBytes
        ? await this.#rotate(this.#file)
        : this.#file;
    await file.appendFile(text);
    this.#size += text.length;
  }

  async #rotate(full: FileHandle): Promise<FileHandle> {
    await rename(this.#path, `${this.#path}.${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
    const file = await open(this.#path, 'a', 0o600);
    await full.close();
    this.#file = file;
    this.#size = 0;
    await this.#removeOld();
    return file;
  }

  async #removeOld(): Promise<void> {
    const { maxBackups, maxAgeDays } = this.#limits;
    const folder = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    const old = (await readdir(folder))
      .filter(
        (name) => /^\d{4}-\d\d-\d\dT[\d-]+Z$/.test(name.slice(prefix.length)) && name.startsWith(prefix),
      )
      .sort();
    const surplus = new Set(maxBackups === 0 ? [] : old.slice(0, -maxBackups));
    const oldest = new Date(Date.now() - maxAgeDays * DAY_MS).toISOString().replaceAll(/[:.]/g, '-');
    for (const name of old)
      if (surplus.has(name) || (maxAgeDays > 0 && name.slice(prefix.length) < oldest))
        await rm(join(folder, name), { force: true });
  }
}
