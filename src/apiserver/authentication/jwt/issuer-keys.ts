import { get } from 'node:https';
import type { JSONWebKeySet } from 'jose';
import type { Clock, OrreryError } from '../../../base/index.ts';
import { serviceUnavailable } from '../../errors.ts';
import type { JwtIssuer } from './authentication-configuration.ts';

const TIMEOUT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 1024 * 1024;
/** An unknown key id makes us look again, but nobody may make us ask all the time. */
const REFRESH_MS = 10_000;

/** An issuer's public keys: found by discovery when first needed, kept, and read anew for a key nobody knows. */
export class IssuerKeys {
  readonly #issuer: JwtIssuer;
  readonly #clock: Clock;
  #keys: Promise<JSONWebKeySet> | undefined;
  #readAtMs = 0;

  constructor(issuer: JwtIssuer, clock: Clock) {
    this.#issuer = issuer;
    this.#clock = clock;
  }

  /** @throws OrreryError ServiceUnavailable when discovery fails; the next call tries again. */
  get(): Promise<JSONWebKeySet> {
    if (this.#keys !== undefined) return this.#keys;
    this.#readAtMs = this.#clock.now();
    const reading = this.#read();
    this.#keys = reading;
    reading.catch(() => {
      if (this.#keys === reading) this.#keys = undefined;
    });
    return reading;
  }

  /** The keys read anew, unless that was just done: then undefined. */
  refreshed(): Promise<JSONWebKeySet> | undefined {
    if (this.#clock.now() < this.#readAtMs + REFRESH_MS) return undefined;
    this.#keys = undefined;
    return this.get();
  }

  async #read(): Promise<JSONWebKeySet> {
    const { url, discoveryUrl } = this.#issuer;
    const document = (await this.#fetch(discoveryUrl)) as { issuer?: unknown; jwks_uri?: unknown };
    if (document.issuer !== url)
      throw unavailable(
        url,
        `its discovery document names another issuer: ${JSON.stringify(document.issuer)}`,
      );
    if (typeof document.jwks_uri !== 'string' || !document.jwks_uri.startsWith('https:'))
      throw unavailable(url, 'its discovery document names no https jwks_uri');
    return (await this.#fetch(document.jwks_uri)) as JSONWebKeySet;
  }

  async #fetch(url: string): Promise<unknown> {
    const { certificateAuthority } = this.#issuer;
    try {
      return JSON.parse(await fetchText(url, certificateAuthority));
    } catch (cause) {
      throw unavailable(this.#issuer.url, `GET ${url} failed`, cause);
    }
  }
}

function unavailable(issuer: string, why: string, cause?: unknown): OrreryError {
  return serviceUnavailable(`the token issuer ${issuer} cannot be used: ${why}`, cause);
}

function fetchText(url: string, ca: string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(
      url,
      { ...(ca !== undefined && { ca }), agent: false, timeout: TIMEOUT_MS },
      (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          size += chunk.length;
          chunks.push(chunk);
          if (size > ANSWER_LIMIT_BYTES) request.destroy(new Error('the answer is too long'));
        });
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString());
          else reject(new Error(`status ${answer.statusCode}`));
        });
        answer.on('error', reject);
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
  });
}
