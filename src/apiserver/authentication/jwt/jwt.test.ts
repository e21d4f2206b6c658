import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ManualClock, silentLog } from '../../../base/index.ts';
import { ensurePki, type Pki } from '../../index.ts';
import { parseAuthenticationConfiguration } from './authentication-configuration.ts';
import { JwtAuthenticator } from './jwt-authenticator.ts';

let directory: string;
let pki: Pki;
let server: Server;
let url: string;
/** Key id → its key; what the issuer publishes. */
const published = new Map<string, KeyObject>();
const asked: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'orrery-jwt-'));
  pki = await ensurePki(join(directory, 'pki'));
  const { certificate, key } = await pki.issueCertificate({
    commonName: 'issuer',
    hosts: ['127.0.0.1'],
    usages: ['server'],
  });
  server = createServer({ cert: certificate, key }, (request, response) => {
    asked.push(request.url ?? '');
    const keys = [...published].map(([kid, one]) => ({
      kid,
      alg: 'ES256',
      ...one.export({ format: 'jwk' }),
    }));
    const documents: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
      '/keys': { keys },
    };
    response.end(JSON.stringify(documents[request.url ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(directory, { recursive: true });
});

function newKey(kid: string): KeyObject {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  published.set(kid, publicKey);
  return privateKey;
}

function configuration(): string {
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: { url, certificateAuthority: pki.caCertificatePem, audiences: ['orrery'] },
        claimValidationRules: [{ claim: 'tenant', requiredValue: 'us' }],
        claimMappings: {
          username: { claim: 'email', prefix: 'corp:' },
          groups: { claim: 'groups', prefix: 'corp:' },
        },
      },
    ],
  });
}

describe('tokens of another issuer', () => {
  const clock = new ManualClock();
  const token = (key: KeyObject, kid: string, claims: object = {}, audience = 'orrery') =>
    new SignJWT({ email: 'ann@example.com', email_verified: true, tenant: 'us', groups: ['devs'], ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(url)
      .setAudience(audience)
      .setExpirationTime(Math.floor(clock.now() / 1000) + 600)
      .sign(key);

  test('name their user with the prefixes of the configuration; keys are read once and when a new one appears', async () => {
    const [issuer] = (await parseAuthenticationConfiguration(configuration())).issuers;
    const authenticator = new JwtAuthenticator(issuer!, { clock, log: silentLog });
    const first = newKey('first');
    const known = await token(first, 'first');
    const ann = { name: 'corp:ann@example.com', groups: ['corp:devs'] };
    expect(await authenticator.authenticate(known)).toEqual(ann);
    expect(await authenticator.authenticate(known)).toEqual(ann);
    expect(asked).toEqual(['/.well-known/openid-configuration', '/keys']);

    const second = newKey('second');
    const rotated = await token(second, 'second');
    expect(await authenticator.authenticate(rotated)).toBeUndefined(); // read a moment ago: not again yet
    await clock.advance(10_000);
    expect(await authenticator.authenticate(rotated)).toEqual(ann);

    for (const claims of [{ tenant: 'them' }, { email: '' }, { email_verified: false }, { groups: [1] }])
      expect(await authenticator.authenticate(await token(first, 'first', claims))).toBeUndefined();
    expect(await authenticator.authenticate(await token(first, 'first', {}, 'others'))).toBeUndefined();
    expect(await authenticator.authenticate(await token(second, 'first'))).toBeUndefined();
    await clock.advance(3_600_000);
    expect(await authenticator.authenticate(known)).toBeUndefined();
  });

  test('are refused while the issuer is another than it says', async () => {
    const [issuer] = (await parseAuthenticationConfiguration(configuration())).issuers;
    const strict = new JwtAuthenticator(
      { ...issuer!, discoveryUrl: `${url}/nothing` },
      { clock, log: silentLog },
    );
    expect(await strict.authenticate(await token(newKey('third'), 'third'))).toBeUndefined();
  });
});

describe('an authentication configuration', () => {
  const parse = (change: (document: { [field: string]: unknown; jwt: [Record<string, object>] }) => void) => {
    const document = JSON.parse(configuration());
    change(document);
    return parseAuthenticationConfiguration(JSON.stringify(document));
  };

  test.each([
    [
      'an unknown field',
      (d) => {
        d.extra = 1;
      },
      'unknown field "extra"',
    ],
    [
      'a CEL expression',
      (d) => {
        d.jwt[0].claimMappings = { username: { expression: 'claims.sub' } };
      },
      'jwt[0].claimMappings.username.expression is not supported',
    ],
    [
      'CEL rules',
      (d) => {
        d.jwt[0].userValidationRules = [{ expression: 'true' }];
      },
      'jwt[0].userValidationRules is not supported',
    ],
    [
      'no prefix',
      (d) => {
        d.jwt[0].claimMappings = { username: { claim: 'sub' } };
      },
      'jwt[0].claimMappings.username.prefix: Required value',
    ],
    [
      'no audience',
      (d) => {
        d.jwt[0].issuer = { url };
      },
      'jwt[0].issuer.audiences: Required value',
    ],
    [
      'plain HTTP',
      (d) => {
        d.jwt[0].issuer = { url: 'http://a', audiences: ['b'] };
      },
      'jwt[0].issuer.url: Invalid value: "http://a": URL scheme must be https',
    ],
    [
      'another kind',
      (d) => {
        d.kind = 'Other';
      },
      'must be an AuthenticationConfiguration',
    ],
  ] as [string, Parameters<typeof parse>[0], string][])(
    'with %s is refused by name',
    async (_what, change, message) => {
      await expect(parse(change)).rejects.toThrow(message);
    },
  );

  test('may let requests without identity in on some paths', async () => {
    const parsed = await parse((document) => {
      document.anonymous = { enabled: true, conditions: [{ path: '/livez' }] };
    });
    expect(parsed.anonymous).toEqual({ enabled: true, paths: ['/livez'] });
  });
});
