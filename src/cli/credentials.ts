import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { ensurePki, type Pki } from '../apiserver/index.ts';
import { writeFileAtomic } from '../base/index.ts';
import { readKubeconfig } from '../client/index.ts';
import { type Config, localAddress } from './config.ts';
import type { DataDirectory } from './data-directory.ts';

/** Who a kubeconfig is for: CN is the user, O its groups. */
interface Identity {
  commonName: string;
  organizations: string[];
  /** The kubeconfig's names for cluster, user and context. */
  context: string;
  /** Names the certificate is also a server's under. */
  hosts?: string[];
}

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
  let pair = current === undefined ? undefined : await usablePair(pki, current, identity);
  pair ??= await pki.issueCertificate({
    commonName: identity.commonName,
    organizations: identity.organizations,
    ...(identity.hosts !== undefined && { hosts: identity.hosts }),
    usages: identity.hosts === undefined ? ['client'] : ['client', 'server'],
  });
  const wanted = kubeconfigText(identity.context, server, { ca: pki.caCertificatePem, ...pair });
  if (wanted !== current) await writeFileAtomic(file, wanted, { mode: 0o600 });
}

async function usablePair(
  pki: Pki,
  text: string,
  identity: Identity,
): Promise<{ certificate: string; key: string } | undefined> {
  try {
    const { certPem, keyPem } = await readKubeconfig(text);
    if (certPem === undefined || keyPem === undefined) return undefined;
    const pair = { certificate: certPem, key: keyPem };
    return pki.isUsable(pair, identity.hosts ?? []) ? pair : undefined;
  } catch {
    return undefined; // edited or torn: it is made anew, nothing else is kept in it
  }
}

/** Written by hand: JSON is YAML, but people read this file. */
function kubeconfigText(
  name: string,
  server: string,
  pem: { ca: string; certificate: string; key: string },
): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
current-context: ${name}
clusters:
- name: ${name}
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(pem.ca)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(pem.certificate)}
    client-key-data: ${base64(pem.key)}
`;
}
