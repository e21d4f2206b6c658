import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { ensurePki } from './pki.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-pki-'));
});
afterEach(() => rm(directory, { recursive: true }));

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
