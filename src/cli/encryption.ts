import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EncryptionConfiguration, readEncryptionConfiguration } from '../apiserver/index.ts';
import { writeFileAtomic } from '../base/index.ts';
import type { Config } from './config.ts';

/** In the folder of the keys: the servers of one store share it as they share those. */
export const SECRETS_ENCRYPTION_FILE = 'encryption-config.json';

/**
 * What is to be encrypted at rest: what the file of `--encryption-provider-config` says, or with
 * `--secrets-encryption` Secrets, with a key made at the first start. Once made, that key is used whatever the flags
 * say: what is encrypted must stay readable.
 *
 * @throws BadRequest naming the field of the configuration that is wrong.
 */
export async function encryptionOf(
  config: Pick<Config, 'encryptionConfigFile' | 'secretsEncryption'>,
  pkiDirectory: string,
): Promise<EncryptionConfiguration | undefined> {
  if (config.encryptionConfigFile !== undefined)
    return readEncryptionConfiguration(config.encryptionConfigFile);
  const file = join(pkiDirectory, SECRETS_ENCRYPTION_FILE);
  if (!existsSync(file)) {
    if (!config.secretsEncryption) return undefined;
    await writeFileAtomic(file, secretsConfiguration(), { mode: 0o600 });
  }
  return readEncryptionConfiguration(file);
}

function secretsConfiguration(): string {
  const key = { name: `key-${randomBytes(4).toString('hex')}`, secret: randomBytes(32).toString('base64') };
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources: ['secrets'], providers: [{ aesgcm: { keys: [key] } }, { identity: {} }] }],
  };
  return `${JSON.stringify(configuration, undefined, 2)}\n`;
}
