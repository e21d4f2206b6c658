import { BadRequest } from '../base/index.ts';

/** Where a store is. */
export type StoreLocation =
  | { driver: 'lmdb'; directory: string }
  /** `endpoints`: host:port of each; `secure`: over TLS. */
  | { driver: 'etcd'; endpoints: string[]; secure: boolean };

const DEFAULT_PORT = 2379;
const HINT = 'for example etcd://10.0.0.1:2379,10.0.0.2:2379, or etcds://… over TLS';

/**
 * `etcd://host[:port],…` or `etcds://host[:port],…` (over TLS); as for kube-apiserver's --etcd-servers also
 * `http://…` and `https://…`, each endpoint with its scheme. `lmdb:/directory` is a store in files.
 *
 * @throws BadRequest quoting the value.
 */
export function parseStoreUrl(url: string): StoreLocation {
  const [, scheme, rest] = /^([a-z]+):(?:\/\/)?(.+)$/.exec(url) ?? [];
  if (scheme === undefined || rest === undefined) throw refuse(url, 'it is not a URL');
  if (scheme === 'lmdb') {
    if (!url.startsWith('lmdb:/')) throw refuse(url, 'the directory must begin with "/"');
    return { driver: 'lmdb', directory: url.slice('lmdb:'.length).replace(/^\/\/(?=\/)/, '') };
  }
  if (!['etcd', 'etcds', 'http', 'https'].includes(scheme))
    throw refuse(url, `"${scheme}" is neither etcd nor lmdb`);
  const endpoints = rest.split(',').map((part) => endpointOf(url, scheme, part.trim()));
  return { driver: 'etcd', endpoints, secure: scheme === 'etcds' || scheme === 'https' };
}

function endpointOf(url: string, scheme: string, part: string): string {
  const own = /^([a-z]+):\/\/(.*)$/.exec(part);
  if (own !== null && own[1] !== scheme) throw refuse(url, 'all endpoints must have the same scheme');
  const text = (own === null ? part : own[2]!).replace(/\/$/, '');
  if (text.includes('@'))
    throw refuse(
      url,
      'user names are not supported; etcd knows us by a client certificate (--etcd-certfile)',
    );
  if (text.includes('/')) throw refuse(url, 'it has a path; choose keys with --etcd-prefix');
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(match?.[2] ?? DEFAULT_PORT);
  if (match === null || port === 0 || port > 65_535) throw refuse(url, `"${text}" is not host:port`);
  return `${match[1]}:${port}`;
}

function refuse(url: string, why: string): BadRequest {
  return new BadRequest(`the store "${url}" cannot be used: ${why}`, { hint: HINT });
}
