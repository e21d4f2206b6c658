import { BadRequest } from '../base/index.ts';
import type { RegistryAccess } from '../engine/index.ts';

/** Docker's AuthConfig. */
interface AuthConfig {
  username?: string;
  password?: string;
  auth?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}

type Credentials = NonNullable<RegistryAccess['credentials']>;

/** `X-Registry-Auth`: base64url of an AuthConfig. @returns undefined for the empty one clients send always. @throws BadRequest */
export function registryAuth(header: string | string[] | undefined): Credentials | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  return credentialsOf(decode(header, 'X-Registry-Auth') as AuthConfig);
}

/** `X-Registry-Config` of a build: credentials by registry. @throws BadRequest */
export function registryConfig(header: string | string[] | undefined): Map<string, Credentials> {
  const byServer = new Map<string, Credentials>();
  if (typeof header !== 'string' || header === '') return byServer;
  for (const [server, config] of Object.entries(decode(header, 'X-Registry-Config'))) {
    const credentials = credentialsOf((config ?? {}) as AuthConfig);
    if (credentials !== undefined) byServer.set(hostOf(server), credentials);
  }
  return byServer;
}

function decode(header: string, name: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8') || '{}');
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch (cause) {
    throw new BadRequest(`the header ${name} is not base64 of JSON`, { cause });
  }
  throw new BadRequest(`the header ${name} is not a JSON object`);
}

/** @throws BadRequest */
export function credentialsOf(config: AuthConfig): Credentials | undefined {
  if (config.identitytoken) throw new BadRequest('identity tokens of registries are not supported');
  if (config.registrytoken) throw new BadRequest('registry tokens are not supported');
  if (config.username) return { username: config.username, password: config.password ?? '' };
  if (!config.auth) return undefined;
  const [username, ...password] = Buffer.from(config.auth, 'base64').toString('utf8').split(':');
  return username ? { username, password: password.join(':') } : undefined;
}

/** `https://index.docker.io/v1/` → `docker.io` */
export function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0]!;
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

/** dockerd speaks plain HTTP with registries of the host itself (127.0.0.0/8 is among its insecure ones); all others are verified. */
export function loopbackAccess(server: string): { tlsVerify?: boolean } {
  const host = hostOf(server).replace(/:\d+$/, '');
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host) ? { tlsVerify: false } : {};
}
