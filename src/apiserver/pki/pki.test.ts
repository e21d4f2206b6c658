import { generateKeyPairSync, type KeyPairKeyObjectResult, webcrypto, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { library } from './certificates.ts';
import { ensurePki } from './pki.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-pki-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function makeRequest(
  { privateKey, publicKey }: KeyPairKeyObjectResult,
  { name, hosts }: { name: string; hosts: string[] },
): Promise<string> {
  const x509 = await library();
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  const [privateDer, publicDer] = [
    privateKey.export({ type: 'pkcs8', format: 'der' }),
    publicKey.export({ type: 'spki', format: 'der' }),
  ];
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', privateDer, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', publicDer, algorithm, true, ['verify']),
  };
  const names = hosts.map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: { ...algorithm, hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  return request.toString('pem');
}

const serial = async (path: string) => new X509Certificate(await readFile(path)).serialNumber;

test('makes keys only their owner reads, and keeps what is good', async () => {
  const pki = await ensurePki(directory, { hosts: ['192.0.2.7', 'box'] });
  for (const path of [pki.paths.caKey, pki.paths.serverKey, pki.paths.serviceAccountKey])
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  const before = await serial(pki.paths.serverCertificate);
  await ensurePki(directory, { hosts: ['192.0.2.7', 'box'] });
  expect(await serial(pki.paths.serverCertificate)).toBe(before);
  const certificate = new X509Certificate(await readFile(pki.paths.serverCertificate));
  for (const host of ['localhost', 'kubernetes.default.svc', 'box'])
    expect(certificate.checkHost(host)).toBe(host);
  for (const address of ['127.0.0.1', '10.43.0.1', '192.0.2.7'])
    expect(certificate.checkIP(address)).toBe(address);
});

test('renews a certificate that lacks a host or ends within 30 days, never the CA', async () => {
  const clock = new ManualClock(Date.now());
  const pki = await ensurePki(directory, { clock });
  const [ca, first] = [await serial(pki.paths.caCertificate), await serial(pki.paths.serverCertificate)];
  await ensurePki(directory, { clock, hosts: ['new.example'] });
  const second = await serial(pki.paths.serverCertificate);
  expect(second).not.toBe(first);
  await clock.advance(340 * 24 * 3600 * 1000);
  await ensurePki(directory, { clock, hosts: ['new.example'] });
  expect(await serial(pki.paths.serverCertificate)).not.toBe(second);
  expect(await serial(pki.paths.caCertificate)).toBe(ca);
});

test('a lost CA key is told, nothing is made anew', async () => {
  const pki = await ensurePki(directory);
  await rm(pki.paths.caKey);
  await expect(ensurePki(directory)).rejects.toMatchObject({ code: 'PkiBroken' });
});

test('a client certificate carries user and groups and is for clients only', async () => {
  const pki = await ensurePki(directory);
  const pair = await pki.issueClientCertificate({ commonName: 'ann', organizations: ['dev', 'ops'] });
  const certificate = new X509Certificate(pair.certificate);
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=ann', 'O=dev', 'O=ops']);
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(pki.isUsable(pair)).toBe(true);
});

test('a signed request keeps its key and names and gets the usages and the time asked for', async () => {
  const clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
  const pki = await ensurePki(directory, { clock });
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = await makeRequest(key, {
    name: 'O=system:nodes, CN=system:node:n1',
    hosts: ['n1', '192.0.2.7'],
  });
  const signed = new X509Certificate(
    await pki.signRequest(request, { usages: ['digital signature', 'server auth'], seconds: 3600 }),
  );
  expect(signed.verify(new X509Certificate(pki.caCertificatePem).publicKey)).toBe(true);
  expect(signed.checkPrivateKey(key.privateKey)).toBe(true);
  expect(signed.subject.split('\n')).toEqual(['O=system:nodes', 'CN=system:node:n1']);
  expect([signed.checkHost('n1'), signed.checkIP('192.0.2.7')]).toEqual(['n1', '192.0.2.7']);
  expect(signed.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
  expect(signed.ca).toBe(false);
  expect(signed.validToDate.toISOString()).toBe('2026-06-01T01:00:00.000Z');
});
