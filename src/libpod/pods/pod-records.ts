import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AlreadyExists, NotFound, namesIn, syncFolder, writeFileAtomic } from '../../base/index.ts';
import { withFileLock } from '../../engine/index.ts';
import type { PodConfig } from '../libpod.ts';

/** A file for each pod, there again after a power failure. */
export class PodRecords {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws AlreadyExists when another pod has the name */
  async add(pod: PodConfig): Promise<void> {
    await this.#locked(async () => {
      if ((await this.list()).some(({ name }) => name === pod.name))
        throw new AlreadyExists(`adding pod to state: name "${pod.name}" is in use: pod already exists`);
      await this.#write(pod);
    });
  }

  async update(id: string, change: (pod: PodConfig) => PodConfig): Promise<void> {
    await this.#locked(async () => await this.#write(change(await this.get(id))));
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    await syncFolder(this.#folder);
  }

  /** @throws NotFound */
  async get(id: string): Promise<PodConfig> {
    const pod = await this.#read(id);
    if (pod === undefined) throw noSuchPod(id);
    return pod;
  }

  /** Oldest first. */
  async list(): Promise<PodConfig[]> {
    const pods: PodConfig[] = [];
    for (const name of await this.#names()) {
      const pod = await this.#read(name.slice(0, -'.json'.length));
      if (pod !== undefined) pods.push(pod);
    }
    return pods.sort((one, other) => Date.parse(one.createdAt) - Date.parse(other.createdAt));
  }

  /** By id, name, or a beginning of the id that only one has. @throws NotFound AlreadyExists */
  async find(pod: string): Promise<PodConfig> {
    const pods = await this.list();
    const exact = pods.find(({ id, name }) => id === pod || name === pod);
    if (exact !== undefined) return exact;
    const [first, second] = pod === '' ? [] : pods.filter(({ id }) => id.startsWith(pod));
    if (first === undefined) throw noSuchPod(pod);
    if (second !== undefined)
      throw new AlreadyExists(`more than one result for ID or name ${pod}: pod already exists`);
    return first;
  }

  async #names(): Promise<string[]> {
    return (await namesIn(this.#folder)).filter((name) => /^[0-9a-f]{64}\.json$/.test(name));
  }

  async #read(id: string): Promise<PodConfig | undefined> {
    try {
      return JSON.parse(await readFile(this.#path(id), 'utf8')) as PodConfig;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #write(pod: PodConfig): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path(pod.id), JSON.stringify(pod), { mode: 0o600 });
  }

  async #locked<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#folder, '.lock'), work);
  }

  #path(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

function noSuchPod(pod: string): NotFound {
  return new NotFound(`no pod with name or ID ${pod} found: no such pod`);
}
