import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  AlreadyExists,
  BadRequest,
  type Clock,
  Conflict,
  NotFound,
  namesIn,
  writeFileAtomic,
} from '../../base/index.ts';
import { readJson, withFileLock } from '../../engine/index.ts';
import type { Events, Filters, SecretConfig, Secrets } from '../libpod.ts';
import { FileSecretDriver, type SecretDriver, ShellSecretDriver } from './secret-driver.ts';

/** Less than this, as with Podman and Docker. */
const LIMIT_BYTES = 512_000;

export interface LocalSecretsOptions {
  /** Of secrets alone: `D/containers/secrets`. */
  directory: string;
  clock: Clock;
  events: Pick<Events, 'append'>;
}

/**
 * Secrets of this data directory. What is known about one is apart from its bytes, which only `read` gives out;
 * they are in no message, no argument and no list.
 */
export class LocalSecrets implements Secrets {
  readonly #options: LocalSecretsOptions;
  readonly #folder: string;
  readonly #files: FileSecretDriver;

  constructor(options: LocalSecretsOptions) {
    this.#options = options;
    this.#folder = join(options.directory, 'known');
    this.#files = new FileSecretDriver(join(options.directory, 'data'));
  }

  async create(
    name: string,
    data: Buffer,
    options: {
      driver?: string;
      driverOpts?: Record<string, string>;
      labels?: Record<string, string>;
      replace?: boolean;
    } = {},
  ): Promise<string> {
    checkName(name);
    if (data.byteLength === 0 || data.byteLength >= LIMIT_BYTES)
      throw new BadRequest('secret data must be larger than 0 and less than 512000 bytes');
    const Driver = { Name: options.driver || 'file', Options: { ...options.driverOpts } };
    const driver = this.#driverOf(Driver);
    const id = await this.#alone(async () => {
      await this.#removeStray();
      const old = (await this.list()).find((one) => one.Spec.Name === name);
      if (old !== undefined && options.replace !== true)
        throw new AlreadyExists(`${name}: secret name in use`);
      const ID = randomBytes(13).toString('hex').slice(0, 25);
      const now = new Date(this.#options.clock.now()).toISOString();
      await driver.store(ID, data);
      // One name for two is never on disk: the old one goes first.
      if (old !== undefined) await this.#forget(old);
      await this.#write({
        ID,
        CreatedAt: now,
        UpdatedAt: now,
        Spec: { Name: name, Driver, Labels: { ...options.labels } },
      });
      return ID;
    });
    await this.#options.events.append({ Type: 'secret', Status: 'create', ID: id, Name: name });
    return id;
  }

  async list(filters: Filters = {}): Promise<SecretConfig[]> {
    const tests = Object.entries(filters).map(([key, values]) => filterOf(key, values));
    const found: SecretConfig[] = [];
    for (const file of await this.#knownFiles()) {
      const one = await readJson<SecretConfig>(join(this.#folder, file));
      if (one !== undefined && tests.every((test) => test(one))) found.push(one);
    }
    return found.sort((a, b) => (a.Spec.Name < b.Spec.Name ? -1 : 1));
  }

  async inspect(secret: string): Promise<SecretConfig> {
    const all = await this.list();
    const exact = all.find((one) => one.Spec.Name === secret) ?? all.find((one) => one.ID === secret);
    if (exact !== undefined) return exact;
    const found = all.filter((one) => secret !== '' && one.ID.startsWith(secret));
    if (found.length > 1)
      throw new Conflict(`more than one result secret with prefix ${secret}: secret is ambiguous`);
    if (found.length === 0)
      throw new NotFound(`no secret with name or id ${JSON.stringify(secret)}: no such secret`);
    return found[0]!;
  }

  async exists(secret: string): Promise<boolean> {
    try {
      await this.inspect(secret);
      return true;
    } catch (error) {
      if (error instanceof NotFound) return false;
      throw error;
    }
  }

  async remove(secret: string): Promise<string> {
    const removed = await this.#alone(async () => {
      const found = await this.inspect(secret);
      await this.#forget(found);
      return found;
    });
    await this.#options.events.append({
      ...{ Type: 'secret', Status: 'remove', ID: removed.ID, Name: removed.Spec.Name },
    });
    return removed.ID;
  }

  async read(secret: string): Promise<Buffer> {
    const { ID, Spec } = await this.inspect(secret);
    return await this.#driverOf(Spec.Driver).lookup(ID);
  }

  async reset(): Promise<void> {
    for (const one of await this.list()) await this.#forget(one);
  }

  #driverOf(driver: SecretConfig['Spec']['Driver']): SecretDriver {
    if (driver.Name === 'file') {
      const unknown = Object.keys(driver.Options).find((name) => name !== 'path');
      // The place is ours: `path` would put secrets where others look.
      if (unknown !== undefined || driver.Options.path !== undefined)
        throw new BadRequest(
          `the file driver's option ${JSON.stringify(unknown ?? 'path')} is not supported: invalid driver option`,
        );
      return this.#files;
    }
    if (driver.Name === 'shell') return new ShellSecretDriver(driver.Options);
    throw new BadRequest(`the secret driver ${JSON.stringify(driver.Name)} is not supported: invalid driver`);
  }

  async #write(config: SecretConfig): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(this.#folder, `${config.ID}.json`), JSON.stringify(config), { mode: 0o600 });
  }

  async #forget(config: SecretConfig): Promise<void> {
    await rm(join(this.#folder, `${config.ID}.json`), { force: true });
    await this.#driverOf(config.Spec.Driver).delete(config.ID);
  }

  /** Bytes whose maker, or remover, died before the rest was done. */
  async #removeStray(): Promise<void> {
    const known = new Set((await this.list()).map((one) => one.ID));
    for (const id of await this.#files.ids()) if (!known.has(id)) await this.#files.delete(id);
  }

  async #knownFiles(): Promise<string[]> {
    return (await namesIn(this.#folder)).filter((name) => name.endsWith('.json'));
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    return await withFileLock(join(this.#options.directory, 'lock'), work);
  }
}

function checkName(name: string): void {
  if (/^[a-zA-Z0-9](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9])?$/.test(name)) return;
  throw new BadRequest(
    `only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]: ${name}: invalid secret name`,
  );
}

function filterOf(key: string, values: string[]): (secret: SecretConfig) => boolean {
  if (key === 'name') {
    const names = values.map((value) => new RegExp(value));
    return (secret) => names.some((name) => name.test(secret.Spec.Name));
  }
  if (key === 'id') return (secret) => values.some((value) => secret.ID.startsWith(value));
  throw new BadRequest(`invalid filter ${JSON.stringify(key)}`);
}
