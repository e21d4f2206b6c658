import { webcrypto } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { provideReflectMetadata } from '../../src/apiserver/pki/reflect-metadata.ts';
import { WebhookClient } from '../../src/apiserver/webhooks/webhook-client.ts';

provideReflectMetadata();
const x509 = await import('@peculiar/x509');
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const SOON = new Date(Date.now() + 3_600_000);
const servers = new Set<Server>();

afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  servers.clear();
});

interface Made {
  pem: string;
  keys: webcrypto.CryptoKeyPair;
}

async function make(
  names: { subject: string; issuer: string },
  options: { signer?: Made; host?: string; notAfter?: Date },
): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    ...names,
    serialNumber: '01',
    notBefore: new Date(Date.now() - 7_200_000),
    notAfter: options.notAfter ?? SOON,
    publicKey: keys.publicKey,
    signingKey: (options.signer?.keys ?? keys).privateKey,
    signingAlgorithm: ALGORITHM,
    extensions:
      options.host === undefined
        ? [new x509.BasicConstraintsExtension(true, undefined, true)]
        : [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: options.host }])],
  });
  return { pem: certificate.toString('pem'), keys };
}

/** What the client answers when a server has this certificate and the webhook this bundle. */
async function ask(leaf: Made, bundle: string): Promise<unknown> {
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', leaf.keys.privateKey)).toString(
    'base64',
  );
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----`;
  const server = createServer({ cert: leaf.pem, key }, (_, response) => response.end('{"answer":42}'));
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new WebhookClient({
    find: async () => undefined,
    list: async () => [],
    waitFor: async () => undefined,
  });
  return client.post({
    clientConfig: { url: `https://localhost:${port}/`, caBundle: Buffer.from(bundle).toString('base64') },
    timeoutSeconds: 5,
    workspace: 'root',
    body: {},
  });
}

const UNKNOWN = 'tls: failed to verify certificate: x509: certificate signed by unknown authority';

/** As node-forge makes them for Pepr: the authority has no subject, so nobody has an issuer. */
const nameless = async (more: { host?: string; signer?: Made; notAfter?: Date } = {}) => {
  const authority = await make({ subject: '', issuer: 'CN=Ephemeral CA' }, {});
  return {
    authority,
    leaf: await make({ subject: '', issuer: '' }, { signer: authority, host: 'localhost', ...more }),
  };
};

test('a certificate without names is trusted when the bundle signed it, as Go does', async () => {
  const { authority, leaf } = await nameless();
  expect(await ask(leaf, authority.pem)).toEqual({ answer: 42 });
});

test('but not when somebody else did, for another host, or when its time is over', async () => {
  const { leaf } = await nameless();
  const { authority: other } = await nameless();
  await expect(ask(leaf, other.pem)).rejects.toThrow(UNKNOWN);
  const elsewhere = await nameless({ host: 'elsewhere' });
  await expect(ask(elsewhere.leaf, elsewhere.authority.pem)).rejects.toThrow(/failed to verify certificate/);
  const late = await nameless({ notAfter: new Date(Date.now() - 3_600_000) });
  await expect(ask(late.leaf, late.authority.pem)).rejects.toThrow(/failed to verify certificate/);
});

test('an intermediate authority alone is trusted', async () => {
  const root = await make({ subject: 'CN=root', issuer: 'CN=root' }, {});
  const between = await make({ subject: 'CN=between', issuer: 'CN=root' }, { signer: root });
  const leaf = await make(
    { subject: 'CN=leaf', issuer: 'CN=between' },
    { signer: between, host: 'localhost' },
  );
  expect(await ask(leaf, between.pem)).toEqual({ answer: 42 });
  expect(await ask(leaf, `${root.pem}\n${between.pem}`)).toEqual({ answer: 42 });
  await expect(ask(leaf, root.pem)).rejects.toThrow(UNKNOWN);
});
