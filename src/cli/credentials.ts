import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ensurePki, type Pki } from '../apiserver/index.ts';
import { BadRequest, writeFileAtomic } from '../base/index.ts';
import { readKubeconfig } from '../client/index.ts';
import { type Config, localAddress } from './config.ts';
import type { DataDirectory } from './data-directory.ts';
import { type ClientPair, KCP_ADMIN, withOwnEntries } from './own-kubeconfig.ts';

/** Who a kubeconfig is for: CN is the user, O its groups. */
interface Identity {
  commonName: string;
  organizations: string[];
  /** The kubeconfig's names for cluster, user and context. */
  context: string;
  /** The workspace the context is of; left out: none, the server's own URL. */
  workspace?: string;
  /** Names the certificate is also a server's under. */
  hosts?: string[];
}

const WORKSPACES_ADMIN: Identity = {
  commonName: KCP_ADMIN,
  organizations: ['system:kcp:admin'],
  context: 'base',
};

/** The first address of the service range, the `kubernetes` Service's. */
export function kubernetesServiceAddress(serviceCidr: string): string {
  const octets = serviceCidr.split('/')[0]!.split('.').map(Number);
  return [...octets.slice(0, 3), octets[3]! + 1].join('.');
}

/**
 * Makes what is missing or ends within 30 days: the CA and the server's certificates, the administrator's
 * kubeconfig and the node's (whose certificate is also the one its own server shows).
 */
export async function ensureCredentials(directory: DataDirectory, config: Config): Promise<Pki> {
  const pki = await ensurePki(directory.pki, {
    hosts: [
      ...new Set([
        config.nodeIp,
        localAddress(config.bindAddress),
        hostname().toLowerCase(),
        config.nodeName,
      ]),
    ],
    serviceAddress: kubernetesServiceAddress(config.serviceCidr),
  });
  const server = `https://${localAddress(config.bindAddress)}:${config.port}`;
  await ensureKubeconfig(pki, directory.kubeconfig, server, {
    commonName: 'orrery-admin',
    organizations: ['system:masters'],
    context: 'orrery',
    workspace: 'root',
  });
  await ensureKubeconfig(pki, directory.nodeKubeconfig, server, {
    commonName: `system:node:${config.nodeName}`,
    organizations: ['system:nodes'],
    context: config.nodeName,
    hosts: [...new Set([config.nodeIp, config.nodeName, '127.0.0.1', 'localhost'])],
  });
  return pki;
}

async function ensureKubeconfig(pki: Pki, file: string, server: string, identity: Identity): Promise<void> {
  const current = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const pair = await pairOf(pki, current, identity);
  const own = {
    ...{ name: identity.context, server, caPem: pki.caCertificatePem, ...pair },
    ...(identity.workspace !== undefined && {
      workspace: identity.workspace,
      admin: await pairOf(pki, current, WORKSPACES_ADMIN),
    }),
  };
  const wanted = await withOwnEntries(current, own, file).catch((error: unknown) => {
    if (!(error instanceof BadRequest)) throw error;
    return withOwnEntries(undefined, own, file); // torn: it is made anew
  });
  if (wanted !== current) await writeFileAtomic(file, wanted, { mode: 0o600 });
}

/** The one in the file, or a new one. */
async function pairOf(pki: Pki, current: string | undefined, identity: Identity): Promise<ClientPair> {
  const { commonName, organizations, hosts } = identity;
  const kept = current === undefined ? undefined : await usablePair(pki, current, identity);
  return (
    kept ??
    (await pki.issueCertificate({
      commonName,
      organizations,
      ...(hosts !== undefined && { hosts }),
      usages: hosts === undefined ? ['client'] : ['client', 'server'],
    }))
  );
}

async function usablePair(pki: Pki, text: string, identity: Identity): Promise<ClientPair | undefined> {
  const { commonName, context, hosts } = identity;
  try {
    const { certPem, keyPem } = await readKubeconfig(text, { context });
    if (certPem === undefined || keyPem === undefined) return undefined;
    const pair = { certificate: certPem, key: keyPem };
    // A context may have had another user.
    const isHis = new X509Certificate(certPem).subject.split('\n').includes(`CN=${commonName}`);
    return isHis && pki.isUsable(pair, hosts ?? []) ? pair : undefined;
  } catch {
    return undefined; // edited or torn: a new pair is made
  }
}
