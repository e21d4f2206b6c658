import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { namesIn } from '../../base/index.ts';
import type { PodmanOptions } from '../create-options.ts';
import type { HealthState } from '../libpod.ts';
import type { HealthCheckPlan } from './health-config.ts';

/** One container's health, and what its checks are to be. */
export interface HealthRecord {
  id: string;
  plan: HealthCheckPlan;
  onFailure: NonNullable<PodmanOptions['HealthOnFailure']>;
  startedAtMs: number;
  /** It runs, and is to be checked on schedule. */
  isWatched: boolean;
  /** Identity (`pid:start`) of its first process, when known: without it there is nothing to check. */
  process?: string;
  state: HealthState;
}

/**
 * A file for each container with a health check, replaced by rename: any process may read them at any time.
 * They say what happened on this start of the host and are not fsynced.
 */
export class HealthRecords {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async read(id: string): Promise<HealthRecord | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), 'utf8')) as HealthRecord;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async write(record: HealthRecord): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path(record.id)}.${process.pid}.new`;
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600 });
    await rename(temporary, this.#path(record.id));
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  async watched(): Promise<HealthRecord[]> {
    const records: HealthRecord[] = [];
    for (const name of await this.#names()) {
      const record = await this.read(name.slice(0, -'.json'.length));
      if (record?.isWatched) records.push(record);
    }
    return records;
  }

  async #names(): Promise<string[]> {
    return (await namesIn(this.folder)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  }

  #path(id: string): string {
    return join(this.folder, `${id}.json`);
  }
}
