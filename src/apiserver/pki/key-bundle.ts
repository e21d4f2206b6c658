import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Conflict, type Log, OrreryError, writeFileAtomic } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';

/** Not a resource's: no request reads or lists it. */
const KEY = '/orrery.internal/keys/-/-/bundle';
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 };

export interface KeyBundleOptions {
  store: Store;
  /** Where the files are, or go. */
  directory: string;
  /** The files that all servers of a store have in common; those that nobody has made are left out. */
  names: readonly string[];
  /** What locks the bundle, when this server was told. */
  token: string | undefined;
  /** Makes a server's own keys, when it is the first. */
  make: () => Promise<unknown>;
  /** Makes a token and keeps it, when the first server was told none. */
  makeToken: () => Promise<string>;
  log: Log;
}

/**
 * The keys that all servers of one store share, as k3s shares them: the first server puts its files into the store,
 * locked with a key derived from the token (scrypt, AES-256-GCM); every other one takes them from there before it makes
 * any of its own.
 *
 * @throws OrreryError TokenRequired, TokenWrong; KeysDiffer when this server has other keys already.
 */
export async function shareKeys(options: KeyBundleOptions): Promise<void> {
  const { store, directory, names, token, make, makeToken, log } = options;
  const found = await store.get(KEY);
  if (found !== undefined) return takeOver(directory, await unlock(found.value, token));
  // What this server had before it is to be everybody's stays; what it makes now goes when another was faster.
  const before = await readFiles(directory, names);
  await make();
  const own = token ?? (await makeToken());
  const bytes = await lock(await readFiles(directory, names), own);
  try {
    await store.write({ type: 'put', key: KEY, expect: 0, value: { bytes } });
    log.info('the keys of this server are now those of all servers of the store');
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    const files = await unlock((await store.get(KEY))!.value, token);
    if (before.size === 0) await writeFiles(directory, files);
    else await takeOver(directory, files);
  }
}

type Files = ReadonlyMap<string, string>;

async function takeOver(directory: string, files: Files): Promise<void> {
  const own = await readFiles(directory, [...files.keys()]);
  for (const [name, text] of own)
    if (files.get(name) !== text)
      throw new OrreryError(
        'KeysDiffer',
        `${join(directory, name)} is not what the servers of this store share`,
        {
          hint: 'this data directory belongs to another cluster: choose another one, or move its pki folder away',
        },
      );
  await writeFiles(directory, new Map([...files].filter(([name]) => !own.has(name))));
}

async function readFiles(directory: string, names: readonly string[]): Promise<Files> {
  const files = new Map<string, string>();
  for (const name of names) {
    const text = await readFile(join(directory, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text !== undefined) files.set(name, text);
  }
  return files;
}

async function writeFiles(directory: string, files: Files): Promise<void> {
  // The certificates last, as where they are made: a crash leaves no certificate without its key.
  const keysFirst = [...files].sort(([a], [b]) => Number(a.endsWith('.crt')) - Number(b.endsWith('.crt')));
  for (const [name, text] of keysFirst)
    await writeFileAtomic(join(directory, name), text, name.endsWith('.crt') ? {} : { mode: 0o600 });
}

interface Locked {
  version: 1;
  /** Base64. */
  salt: string;
  nonce: string;
  sealed: string;
}

async function lock(files: Files, token: string): Promise<Uint8Array> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const cipher = createCipheriv('aes-256-gcm', await keyOf(token, salt), nonce).setAAD(Buffer.from(KEY));
  const text = JSON.stringify(Object.fromEntries(files));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  const [s, n, c] = [salt, nonce, sealed].map((bytes) => bytes.toString('base64'));
  return Buffer.from(JSON.stringify({ version: 1, salt: s!, nonce: n!, sealed: c! } satisfies Locked));
}

async function unlock(bytes: Uint8Array, token: string | undefined): Promise<Files> {
  if (token === undefined)
    throw new OrreryError('TokenRequired', 'the keys of the servers of this store are locked with a token', {
      hint: "give --token-file with the file `token` of the first server's data directory",
    });
  const { salt, nonce, sealed } = JSON.parse(Buffer.from(bytes).toString()) as Locked;
  const all = Buffer.from(sealed, 'base64');
  const key = await keyOf(token, Buffer.from(salt, 'base64'));
  const cipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64'), { authTagLength: 16 })
    .setAAD(Buffer.from(KEY))
    .setAuthTag(all.subarray(-16));
  try {
    const text = Buffer.concat([cipher.update(all.subarray(0, -16)), cipher.final()]).toString();
    return new Map(Object.entries(JSON.parse(text) as Record<string, string>));
  } catch (cause) {
    throw new OrreryError('TokenWrong', 'the token does not unlock the keys of the servers of this store', {
      hint: "the right one is in the file `token` of the first server's data directory",
      cause,
    });
  }
}

function keyOf(token: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(token, salt, 32, SCRYPT, (error, key) => (error === null ? resolve(key) : reject(error))),
  );
}
