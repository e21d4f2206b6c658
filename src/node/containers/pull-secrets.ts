import { BadRequest } from '../../base/index.ts';
import { parseReference } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';

export interface RegistryCredentials {
  username: string;
  password: string;
}

interface DockerAuth {
  username?: string;
  password?: string;
  /** base64 of `user:password` */
  auth?: string;
}

/**
 * Credentials that fit an image, the most specific first, from Secrets of type kubernetes.io/dockerconfigjson
 * and dockercfg; matched as the kubelet does (pkg/credentialprovider/keyring.go): a `*` stands for one part
 * of a host name, a path for whatever begins with it.
 *
 * @throws BadRequest for a Secret whose content is none.
 */
export function credentialsFor(image: string, secrets: Iterable<corev1.Secret>): RegistryCredentials[] {
  const { domain, path } = parseReference(image);
  const found: { key: string; credentials: RegistryCredentials }[] = [];
  for (const secret of secrets)
    for (const [key, auth] of Object.entries(authsOf(secret))) {
      const credentials = credentialsOf(auth);
      if (credentials !== undefined && fits(key, domain, path)) found.push({ key: bare(key), credentials });
    }
  return found.sort((a, b) => b.key.length - a.key.length).map(({ credentials }) => credentials);
}

function authsOf(secret: corev1.Secret): Record<string, DockerAuth> {
  const modern = secret.data?.['.dockerconfigjson'];
  const old = secret.data?.['.dockercfg'];
  try {
    if (modern !== undefined) return (decoded(modern) as { auths?: Record<string, DockerAuth> }).auths ?? {};
    if (old !== undefined) return decoded(old) as Record<string, DockerAuth>;
  } catch (cause) {
    throw new BadRequest(`the pull secret ${secret.metadata.name} holds no Docker configuration`, { cause });
  }
  return {};
}

function decoded(base64: string): unknown {
  return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
}

function credentialsOf({ username, password, auth }: DockerAuth): RegistryCredentials | undefined {
  if (username !== undefined && password !== undefined) return { username, password };
  const text = Buffer.from(auth ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** `https://index.docker.io/v1/` → `docker.io`. */
function bare(key: string): string {
  const name = key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
  return name.replace(/^(?:index\.|registry-1\.)?docker\.io(?=\/|$)/, 'docker.io');
}

function fits(key: string, domain: string, path: string): boolean {
  const [host = '', ...rest] = bare(key).split('/');
  const prefix = rest.join('/');
  const wanted = host.split('.');
  const parts = domain.split('.');
  return (
    wanted.length === parts.length &&
    wanted.every((part, i) => part === '*' || part === parts[i] || matches(part, parts[i]!)) &&
    (prefix === '' || path === prefix || path.startsWith(`${prefix}/`))
  );
}

/** `*` within a part: `registry-*`. */
function matches(pattern: string, part: string): boolean {
  if (!pattern.includes('*')) return false;
  const pieces = pattern.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pieces.join('.*')}$`).test(part);
}
