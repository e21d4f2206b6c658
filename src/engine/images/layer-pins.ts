import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isProcessAlive, readProc } from '../system/process-identity.ts';
import { ownedName } from './blobs.ts';

const KEEP_MS = 3_600_000;

/** A layer that no image names yet: `pins/<who made it>`. */
interface LayerPin {
  digest: string;
  diffId: string;
  /** The kernel's boot id: a layer made before a reboot may not have reached the disk. */
  boot: string;
}

/**
 * Keeps layers that were made and not yet named from being swept: while the process that made them lives, and
 * an hour beyond, so that a build that was cut off goes on where it was. Their bytes are not yet fsynced; a pin
 * of an earlier boot tells that its layer cannot be trusted.
 */
export class LayerPins {
  readonly #folder: string;
  /** File → digest, of the pins this process made. */
  readonly #own = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
  }

  async add(layer: { digest: string; diffId: string }): Promise<void> {
    const pin: LayerPin = { digest: layer.digest, diffId: layer.diffId, boot: bootId() };
    const path = join(this.#folder, ownedName());
    this.#own.set(path, layer.digest);
    await writeFile(path, JSON.stringify(pin), { mode: 0o600 });
  }

  /** Takes back this process's pins of layers that an image names now. */
  async release(digests: readonly string[]): Promise<void> {
    for (const [path, digest] of this.#own) {
      if (!digests.includes(digest)) continue;
      this.#own.delete(path);
      await rm(path, { force: true });
    }
  }

  /** Those that still hold; forgets the others. */
  async list(): Promise<{ digest: string; diffId: string }[]> {
    const held: LayerPin[] = [];
    for (const { name, pin } of await this.#read()) {
      if (pin.boot === bootId() && (await this.#holds(name))) held.push(pin);
      else await rm(join(this.#folder, name), { force: true });
    }
    return held;
  }

  /** Layers whose bytes a power failure may have taken, since they were pinned before it. */
  async ofEarlierBoots(): Promise<{ digest: string; diffId: string }[]> {
    return (await this.#read()).map(({ pin }) => pin).filter((pin) => pin.boot !== bootId());
  }

  /** Also what a build that was cut off could go on with; not what a living process has made. */
  async forgetAbandoned(): Promise<void> {
    for (const { name } of await this.#read())
      if (!isProcessAlive(name.split(':').slice(0, 2).join(':')))
        await rm(join(this.#folder, name), { force: true });
  }

  async #holds(name: string): Promise<boolean> {
    if (isProcessAlive(name.split(':').slice(0, 2).join(':'))) return true;
    try {
      return Date.now() - (await stat(join(this.#folder, name))).mtimeMs < KEEP_MS;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  async #read(): Promise<{ name: string; pin: LayerPin }[]> {
    const found: { name: string; pin: LayerPin }[] = [];
    for (const name of await readdir(this.#folder)) {
      const pin = await readPin(join(this.#folder, name));
      if (pin !== undefined) found.push({ name, pin });
    }
    return found;
  }
}

/** A pin that its maker had not written whole protects nothing: its layer was not there yet. */
async function readPin(path: string): Promise<LayerPin | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LayerPin;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

let boot: string | undefined;

function bootId(): string {
  boot ??= readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return boot;
}
