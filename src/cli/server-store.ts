import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encryptingStore, type Pki, SHARED_KEY_FILES, shareKeys } from '../apiserver/index.ts';
import { BadRequest, type Log, messageOf, writeFileAtomic } from '../base/index.ts';
import type { Store } from '../store/index.ts';
import type { Config } from './config.ts';
import { ensureCredentials } from './credentials.ts';
import type { DataDirectory } from './data-directory.ts';
import { encryptionOf, SECRETS_ENCRYPTION_FILE } from './encryption.ts';
import { openServerStore } from './store-options.ts';
import { checkStorePlace, rememberStore } from './store-place.ts';

export interface ServerStore {
  /** Encrypts and decrypts what is configured so. */
  store: Store;
  pki: Pki;
}

/**
 * Opens a server's store and brings its keys into being: its own in the data directory, or, on a store that several
 * servers share, those of all of them.
 *
 * @param credentialsMade called as soon as the kubeconfigs are there.
 */
export async function openStoreAndKeys(
  config: Config,
  directory: DataDirectory,
  { log, credentialsMade }: { log: Log; credentialsMade: () => Promise<void> },
): Promise<ServerStore> {
  const open = () => openServerStore(config, { directory: directory.store, log });
  await checkStorePlace(directory.root, config.storeUrl);
  let store: Store | undefined;
  try {
    if (config.storeUrl !== undefined) {
      store = await open();
      await shareServerKeys(config, directory, { store, log });
      await rememberStore(directory.root, config.storeUrl);
    }
    const pki = await ensureCredentials(directory, config);
    await credentialsMade();
    const encryption = await encryptionOf(config, directory.pki);
    store ??= await open();
    return { store: encryptingStore(store, encryption), pki };
  } catch (error) {
    await store?.close();
    throw error;
  }
}

async function shareServerKeys(
  config: Config,
  directory: DataDirectory,
  { store, log }: { store: Store; log: Log },
): Promise<void> {
  const token = await tokenOf(config, directory);
  await shareKeys({
    store,
    directory: directory.pki,
    names: [...SHARED_KEY_FILES, SECRETS_ENCRYPTION_FILE],
    token,
    make: async () => {
      await ensureCredentials(directory, config);
      await encryptionOf(config, directory.pki);
    },
    makeToken: async () => {
      const made = randomBytes(24).toString('base64url');
      await writeFileAtomic(directory.token, `${made}\n`, { mode: 0o600 });
      log.info('further servers of this store need the token', { file: directory.token });
      return made;
    },
    log,
  });
  if (token !== undefined) await writeFileAtomic(directory.token, `${token}\n`, { mode: 0o600 });
  if (config.secretsEncryption && !existsSync(join(directory.pki, SECRETS_ENCRYPTION_FILE)))
    throw new BadRequest('--secrets-encryption counts from the first server of a store on', {
      hint: 'the others write Secrets in plain text; give all of them the same --encryption-provider-config instead',
    });
}

/** From the flags, else the one this server used before. */
async function tokenOf(config: Config, directory: DataDirectory): Promise<string | undefined> {
  if (config.token !== undefined) return config.token;
  if (config.tokenFile !== undefined) {
    let text: string;
    try {
      text = (await readFile(config.tokenFile, 'utf8')).trim();
    } catch (cause) {
      throw new BadRequest(`--token-file "${config.tokenFile}" cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (text === '') throw new BadRequest(`--token-file "${config.tokenFile}" is empty`);
    return text;
  }
  return existsSync(directory.token)
    ? (await readFile(directory.token, 'utf8')).trim() || undefined
    : undefined;
}
