import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, OrreryError, readIfThere, systemClock, writeFileAtomic } from '../../base/index.ts';
import {
  type CertificateRequest,
  isUsable,
  type KeyPair,
  makeAuthority,
  makeCertificate,
  makePrivateKey,
} from './certificates.ts';
import { signRequest } from './sign-request.ts';

const AUTHORITY_DAYS = 3650;
const CERTIFICATE_DAYS = 365;
const RENEW_WITHIN_DAYS = 30;

export interface PkiOptions {
  /** Further names and addresses the API is reached by, beside loopback and the cluster's own names. */
  hosts?: readonly string[];
  /** First address of the service range, the `kubernetes` Service. Default 10.43.0.1. */
  serviceAddress?: string;
  clock?: Clock;
}

/** The files of the control plane's keys and certificates, PEM; keys have mode 0600. */
export interface PkiPaths {
  caCertificate: string;
  caKey: string;
  serverCertificate: string;
  serverKey: string;
  serviceAccountKey: string;
  kubeletClientCertificate: string;
  kubeletClientKey: string;
  /** Signs who may say for whom a request is: the API server before extension API servers. No client of ours is signed by it. */
  frontProxyCaCertificate: string;
  frontProxyCaKey: string;
  frontProxyClientCertificate: string;
  frontProxyClientKey: string;
}

/** What extension API servers know us by; kubeadm's name. */
export const FRONT_PROXY_CLIENT = 'front-proxy-client';

/** The control plane's certificate authority, over one folder. */
export interface Pki {
  readonly paths: PkiPaths;
  readonly caCertificatePem: string;
  /** For a person, a node, a component: CN is the user, O its groups. Not kept: the caller stores it. Default 365 days. */
  issueClientCertificate(request: {
    commonName: string;
    organizations: readonly string[];
    validDays?: number;
  }): Promise<KeyPair>;
  /** For a server others must trust (a node's), and a client too where it says so. */
  issueCertificate(request: Omit<CertificateRequest, 'validDays'> & { validDays?: number }): Promise<KeyPair>;
  /**
   * A certificate for a request's own key, with its subject and alternative names; PEM to PEM. What may be asked for
   * is the caller's to check. `usages` are words of certificates.k8s.io; at most as long as the authority lives.
   */
  signRequest(requestPem: string, options: { usages: readonly string[]; seconds: number }): Promise<string>;
  /** True when `pair` is of this authority, names all `hosts` and is good for 30 more days. */
  isUsable(pair: KeyPair, hosts?: readonly string[]): boolean;
}

/**
 * Reads the keys and certificates below `directory`, makes what is missing, renews what ends within 30 days or
 * lacks a host. The CA itself is never replaced silently.
 *
 * @throws OrreryError PkiBroken when a file is there and cannot be used.
 */
export async function ensurePki(directory: string, options: PkiOptions = {}): Promise<Pki> {
  const clock = options.clock ?? systemClock;
  const paths = pathsIn(directory);
  const authority = await ensurePair(paths.caCertificate, paths.caKey, {
    isGood: () => true,
    make: () => makeAuthority('orrery-ca', clock.now(), AUTHORITY_DAYS),
  });
  const good = (pair: KeyPair, hosts: readonly string[] = []) =>
    isUsable(pair, authority.certificate, { hosts, now: clock.now(), withinDays: RENEW_WITHIN_DAYS });
  const issue: Pki['issueCertificate'] = (request) =>
    makeCertificate(authority, { validDays: CERTIFICATE_DAYS, ...request }, clock.now());

  const hosts = serverHosts(options);
  await ensurePair(paths.serverCertificate, paths.serverKey, {
    isGood: (pair) => good(pair, hosts),
    make: () => issue({ commonName: 'kube-apiserver', hosts, usages: ['server'] }),
  });
  await ensurePair(paths.kubeletClientCertificate, paths.kubeletClientKey, {
    isGood: (pair) => good(pair),
    make: () =>
      issue({
        commonName: 'kube-apiserver-kubelet-client',
        organizations: ['system:masters'],
        usages: ['client'],
      }),
  });
  await ensureFrontProxy(paths, clock.now());
  if ((await readIfThere(paths.serviceAccountKey)) === undefined)
    await writeFileAtomic(paths.serviceAccountKey, makePrivateKey(), { mode: 0o600 });

  return {
    paths,
    caCertificatePem: authority.certificate,
    issueCertificate: issue,
    issueClientCertificate: (request) => issue({ ...request, usages: ['client'] }),
    signRequest: (requestPem, options) => signRequest(authority, requestPem, options, clock.now()),
    isUsable: good,
  };
}

async function ensureFrontProxy(paths: PkiPaths, now: number): Promise<void> {
  const authority = await ensurePair(paths.frontProxyCaCertificate, paths.frontProxyCaKey, {
    isGood: () => true,
    make: () => makeAuthority('orrery-front-proxy-ca', now, AUTHORITY_DAYS),
  });
  await ensurePair(paths.frontProxyClientCertificate, paths.frontProxyClientKey, {
    isGood: (pair) =>
      isUsable(pair, authority.certificate, { hosts: [], now, withinDays: RENEW_WITHIN_DAYS }),
    make: () =>
      makeCertificate(
        authority,
        { commonName: FRONT_PROXY_CLIENT, usages: ['client'], validDays: CERTIFICATE_DAYS },
        now,
      ),
  });
}

/** Those of the files that all servers of one store share; the others each makes for itself. */
export const SHARED_KEY_FILES = [
  'ca.crt',
  'ca.key',
  'front-proxy-ca.crt',
  'front-proxy-ca.key',
  'sa.key',
] as const;

function pathsIn(directory: string): PkiPaths {
  const at = (name: string) => join(directory, name);
  return {
    caCertificate: at('ca.crt'),
    caKey: at('ca.key'),
    serverCertificate: at('apiserver.crt'),
    serverKey: at('apiserver.key'),
    serviceAccountKey: at('sa.key'),
    kubeletClientCertificate: at('apiserver-kubelet-client.crt'),
    kubeletClientKey: at('apiserver-kubelet-client.key'),
    frontProxyCaCertificate: at('front-proxy-ca.crt'),
    frontProxyCaKey: at('front-proxy-ca.key'),
    frontProxyClientCertificate: at('front-proxy-client.crt'),
    frontProxyClientKey: at('front-proxy-client.key'),
  };
}

function serverHosts(options: PkiOptions): string[] {
  const own = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  return [
    ...new Set([
      'localhost',
      '127.0.0.1',
      '::1',
      options.serviceAddress ?? '10.43.0.1',
      ...own,
      ...(options.hosts ?? []),
    ]),
  ];
}

/** The certificate is written last: a crash between the two leaves a key without one, which is made anew. */
async function ensurePair(
  certificatePath: string,
  keyPath: string,
  rules: { isGood(pair: KeyPair): boolean; make(): Promise<KeyPair> },
): Promise<KeyPair> {
  const [certificate, key] = [await readIfThere(certificatePath), await readIfThere(keyPath)];
  if (certificate !== undefined && key === undefined)
    throw new OrreryError('PkiBroken', `${certificatePath} has lost its key`, {
      hint: `restore ${keyPath}, or remove both files to have new ones made`,
    });
  if (certificate !== undefined && key !== undefined) {
    const pair = { certificate, key };
    try {
      if (rules.isGood(pair)) return pair;
    } catch (cause) {
      throw new OrreryError('PkiBroken', `${certificatePath} or ${keyPath} is not readable PEM`, {
        cause,
        hint: 'restore the files, or remove both to have new ones made',
      });
    }
    await rm(certificatePath);
  }
  const pair = await rules.make();
  await writeFileAtomic(keyPath, pair.key, { mode: 0o600 });
  await writeFileAtomic(certificatePath, pair.certificate);
  return pair;
}
