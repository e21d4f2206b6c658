import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BadRequest, type Log, messageOf } from '../../base/index.ts';

/** kube-apiserver's --audit-log-maxsize, its default. */
const MAX_BYTES = 100 * 1024 * 1024;
const KEPT_FILES = 10;
/** Lines waiting for a slow disk; beyond them events are lost, and the log says so. */
const WAITING_LIMIT_BYTES = 16 * 1024 * 1024;

/** A file of JSON lines, readable by its owner alone; at 100 MiB it is renamed, ten old ones are kept. */
export class AuditLog {
  readonly #path: string;
  readonly #log: Log;
  readonly #maxBytes: number;
  #file: FileHandle;
  #size: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #closed = false;
  #writing: Promise<void> | undefined;

  private constructor(
    path: string,
    file: FileHandle,
    size: number,
    options: { log: Log; maxBytes?: number },
  ) {
    this.#path = path;
    this.#file = file;
    this.#size = size;
    this.#log = options.log;
    this.#maxBytes = options.maxBytes ?? MAX_BYTES;
  }

  /** @throws BadRequest. */
  static async open(path: string, options: { log: Log; maxBytes?: number }): Promise<AuditLog> {
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

  async #flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Everything taken is in the file; what comes later is not taken. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flush();
    await this.#file.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const text = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
      this.#waitingBytes = 0;
      try {
        if (this.#size > 0 && this.#size + text.length > this.#maxBytes) await this.#rotate();
        await this.#file.appendFile(text);
        this.#size += text.length;
      } catch (error) {
        this.#log.error('audit events lost', { path: this.#path, error });
      }
    }
    this.#writing = undefined;
  }

  async #rotate(): Promise<void> {
    const folder = dirname(this.#path);
    const prefix = `${basename(this.#path)}.`;
    await rename(this.#path, `${this.#path}.${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
    const file = await open(this.#path, 'a', 0o600);
    await this.#file.close();
    this.#file = file;
    this.#size = 0;
    const old = (await readdir(folder))
      .filter(
        (name) => /^\d{4}-\d\d-\d\dT[\d-]+Z$/.test(name.slice(prefix.length)) && name.startsWith(prefix),
      )
      .sort();
    for (const name of old.slice(0, -KEPT_FILES)) await rm(join(folder, name), { force: true });
  }
}
