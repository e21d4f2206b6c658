import { changeKubeconfig, type Fields, parseKubeconfig } from './workspaces/kubeconfig-document.ts';
import { placeOf, serverOf } from './workspaces/workspace-path.ts';

/** Of the API server itself; kcp's name for the context without a workspace. */
const BASE = 'base';

export interface OwnEntries {
  /** The name of cluster, user and context. */
  name: string;
  /** `https://10.0.0.1:6443`. */
  server: string;
  /** Whose context leads to a workspace, with one called `base` beside it; without: to the server. */
  workspace?: string;
  caPem: string;
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
        ...(own.workspace !== undefined && { [BASE]: { ...cluster, server: own.server } }),
      },
      contexts: {
        [name]: { ...before.contexts[name], cluster: name, user: name },
        ...(own.workspace !== undefined && {
          [BASE]: { ...before.contexts[BASE], cluster: BASE, user: name },
        }),
      },
      users: {
        [name]: {
          'client-certificate-data': base64(own.certificate),
          'client-key-data': base64(own.key),
        },
      },
      ...(!isNamed && { currentContext: name }),
    },
    file,
  );
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
