import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { messageOf } from '../../base/index.ts';
import type { EncryptionKey, EncryptionProvider } from './encryption-configuration.ts';

export interface Decrypted {
  value: Uint8Array;
  /** A write would store it otherwise: by another provider or key. */
  isOutdated: boolean;
}

/**
 * Values to their form on disk and back, as Kubernetes stores them: `k8s:enc:<provider>:v1:<key name>:` and then, for
 * aesgcm, a nonce of 12 bytes, the ciphertext and a tag of 16 (the storage key is authenticated with it), for aescbc
 * an initial vector of 16 bytes and the padded ciphertext.
 * Source: k8s.io/apiserver/pkg/storage/value, value/encrypt/{aes,identity}.
 */
export class Transformer {
  readonly #steps: readonly Step[];

  constructor(providers: readonly EncryptionProvider[]) {
    this.#steps = providers.flatMap((provider): Step[] =>
      provider.type === 'identity'
        ? [IDENTITY]
        : provider.keys.map((key) => (provider.type === 'aesgcm' ? aesGcm(key) : aesCbc(key))),
    );
  }

  encrypt(key: string, value: Uint8Array): Uint8Array {
    return this.#steps[0]!.encrypt(key, value);
  }

  /** @throws Error saying why none of the keys fits. */
  decrypt(key: string, stored: Uint8Array): Decrypted {
    const errors: string[] = [];
    for (const [index, step] of this.#steps.entries()) {
      if (!startsWith(stored, step.prefix)) continue;
      try {
        // What is not encrypted stays the very same bytes.
        const rest = step.prefix.length === 0 ? stored : stored.subarray(step.prefix.length);
        return { value: step.decrypt(key, rest), isOutdated: index > 0 };
      } catch (error) {
        errors.push(messageOf(error));
      }
    }
    if (errors.length > 0) throw new Error(errors.length > 1 ? `[${errors.join(', ')}]` : errors[0]);
    const isKnown = this.#steps.some(({ provider }) => provider.length > 0 && startsWith(stored, provider));
    throw new Error(
      isKnown ? 'no matching key was found for the provided AES transformer' : 'no matching prefix found',
    );
  }
}

interface Step {
  /** What its values begin with: the provider's, and the key's name. */
  prefix: Buffer;
  provider: Buffer;
  encrypt(key: string, value: Uint8Array): Uint8Array;
  decrypt(key: string, rest: Uint8Array): Uint8Array;
}

const ENCRYPTED = Buffer.from('k8s:enc:');

export function isEncrypted(stored: Uint8Array): boolean {
  return startsWith(stored, ENCRYPTED);
}

const IDENTITY: Step = {
  prefix: Buffer.alloc(0),
  provider: Buffer.alloc(0),
  encrypt: (_key, value) => value,
  decrypt: (_key, stored) => {
    if (isEncrypted(stored)) throw new Error('identity transformer tried to read encrypted data');
    return stored;
  },
};

function aesGcm({ name, secret }: EncryptionKey): Step {
  const cipher = `aes-${secret.length * 8}-gcm` as 'aes-256-gcm';
  const provider = Buffer.from('k8s:enc:aesgcm:v1:');
  const prefix = Buffer.from(`${provider}${name}:`);
  return {
    prefix,
    provider,
    encrypt: (key, value) => {
      const nonce = randomBytes(12);
      const sealing = createCipheriv(cipher, secret, nonce).setAAD(Buffer.from(key));
      return Buffer.concat([prefix, nonce, sealing.update(value), sealing.final(), sealing.getAuthTag()]);
    },
    decrypt: (key, rest) => {
      if (rest.length < 28) throw new Error('the stored data was shorter than the required size');
      const opening = createDecipheriv(cipher, secret, rest.subarray(0, 12), { authTagLength: 16 })
        .setAAD(Buffer.from(key))
        .setAuthTag(rest.subarray(-16));
      const value = opening.update(rest.subarray(12, -16));
      try {
        return Buffer.concat([value, opening.final()]);
      } catch (cause) {
        throw new Error('cipher: message authentication failed', { cause });
      }
    },
  };
}

function aesCbc({ name, secret }: EncryptionKey): Step {
  const cipher = `aes-${secret.length * 8}-cbc`;
  const provider = Buffer.from('k8s:enc:aescbc:v1:');
  const prefix = Buffer.from(`${provider}${name}:`);
  return {
    prefix,
    provider,
    encrypt: (_key, value) => {
      const vector = randomBytes(16);
      const sealing = createCipheriv(cipher, secret, vector);
      return Buffer.concat([prefix, vector, sealing.update(value), sealing.final()]);
    },
    decrypt: (_key, rest) => {
      if (rest.length < 16) throw new Error('the stored data was shorter than the required size');
      const opening = createDecipheriv(cipher, secret, rest.subarray(0, 16));
      try {
        return Buffer.concat([opening.update(rest.subarray(16)), opening.final()]);
      } catch (cause) {
        throw new Error('invalid padding on input', { cause });
      }
    },
  };
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}
