import { changeKubeconfig, type Fields, parseKubeconfig } from './workspaces/kubeconfig-document.ts';
import { placeOf, serverOf } from './workspaces/workspace-path.ts';

/** Of the API server itself, without a workspace; these names are kcp's, whose tools and tests look for them. */
const BASE = 'base';
/** The same, as who may look over all workspaces at once. */
const SHARD_BASE = 'shard-base';
const ROOT = 'root';

/** Who may do everything in every workspace, but like anybody only in one at a time; kcp's name for him. */
export const KCP_ADMIN = 'kcp-admin';

export interface OwnEntries {
  /** The name of cluster, user and context. */
  name: string;
  /** `https://10.0.0.1:6443`. */
  server: string;
  /** Whose context leads to a workspace, with kcp's contexts beside it; without: to the server. */
  workspace?: string;
  caPem: string;
  certificate: string;
  key: string;
  /** The pair of KCP_ADMIN, who kcp's contexts are for; with a workspace alone. */
  admin?: ClientPair;
}

export interface ClientPair {
  certificate: string;
  key: string;
}

/**
 * A kubeconfig with our entries in it. What else a user put there stays: other contexts, which of them is current,
 * the namespace of ours; what led to our server leads to where it is now.
 *
 * @param current the file as it is; undefined: a new one, written for people to read
 * @throws BadRequest when it is no kubeconfig
 */
export async function withOwnEntries(
  current: string | undefined,
  own: OwnEntries,
  file: string,
): Promise<string> {
  const { name } = own;
  const text = current ?? newKubeconfig(own);
  const before = await parseKubeconfig(text, file);
  const cluster = { server: serverFor(own), 'certificate-authority-data': base64(own.caPem) };
  const clusters: Record<string, Fields> = {};
  const formerBase = placeOf(String(before.clusters[name]?.server ?? '')).base;
  for (const [other, fields] of Object.entries(before.clusters)) {
    const { base, path } = placeOf(String(fields.server ?? ''));
    if (base !== formerBase || base === own.server) continue;
    clusters[other] = { ...fields, server: path === undefined ? own.server : serverOf(own.server, path) };
  }
  const isNamed = before.currentContext !== '' && before.contexts[before.currentContext] !== undefined;
  return await changeKubeconfig(
    text,
    {
      clusters: {
        ...clusters,
        [name]: cluster,
        ...(own.admin !== undefined && { [BASE]: { ...cluster, server: own.server }, [ROOT]: cluster }),
      },
      contexts: {
        [name]: { ...before.contexts[name], cluster: name, user: name },
        ...(own.admin !== undefined && {
          [BASE]: { ...before.contexts[BASE], cluster: BASE, user: KCP_ADMIN },
          [ROOT]: { ...before.contexts[ROOT], cluster: ROOT, user: KCP_ADMIN },
          [SHARD_BASE]: { ...before.contexts[SHARD_BASE], cluster: BASE, user: name },
        }),
      },
      users: {
        [name]: userOf(own),
        ...(own.admin !== undefined && { [KCP_ADMIN]: userOf(own.admin) }),
      },
      ...(!isNamed && { currentContext: name }),
    },
    file,
  );
}

function userOf({ certificate, key }: ClientPair): Fields {
  return { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) };
}

function serverFor({ server, workspace }: OwnEntries): string {
  return workspace === undefined ? server : serverOf(server, workspace);
}

/** Written by hand: JSON is YAML, but people read this file. */
function newKubeconfig(own: OwnEntries): string {
  const { name } = own;
  return `apiVersion: v1
kind: Config
current-context: ${name}
clusters:
- name: ${name}
  cluster:
    server: ${serverFor(own)}
    certificate-authority-data: ${base64(own.caPem)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(own.certificate)}
    client-key-data: ${base64(own.key)}
`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
