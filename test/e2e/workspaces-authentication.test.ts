import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answered, type Json, MASTER, WorkspaceServer } from '../harness/workspace-server.ts';

const CONFIGURATIONS = '/apis/tenancy.kcp.io/v1alpha1/workspaceauthenticationconfigurations';
const TYPES = '/apis/tenancy.kcp.io/v1alpha1/workspacetypes';
const NAMESPACES = '/api/v1/namespaces';
const WHO_AM_I = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const BOTH = ['corp', 'https://kcp.default.svc'];
const A = 'aaaaaaaaaaaaaaaa';

interface Issuer {
  server: Server;
  url: string;
  key: KeyObject;
}

let server: WorkspaceServer;
let own: Issuer;
let foreign: Issuer;
let a: string;
let b: string;

beforeAll(async () => {
  server = await WorkspaceServer.start();
  a = await server.makeWorkspace('a', A);
  b = await server.makeWorkspace('b', 'bbbbbbbbbbbbbbbb');
  [own, foreign] = await Promise.all([startIssuer(), startIssuer()]);
  await server.made(CONFIGURATIONS, { metadata: { name: 'corp' }, spec: { jwt: [jwtOf(own)] } });
  await server.made(TYPES, {
    metadata: { name: 'with-auth' },
    spec: { authenticationConfigurations: [{ name: 'corp' }] },
  });
  const annotations = { 'internal.tenancy.kcp.io/type': 'root:with-auth' };
  const cluster = `${a}/apis/core.kcp.io/v1alpha1/logicalclusters/cluster`;
  expect((await server.ask(MASTER, 'PATCH', cluster, { metadata: { annotations } })).status).toBe(200);
  for (const prefix of [a, b]) await server.grant(prefix, 'oidc:ann@example.org', 'cluster-admin');
});

afterAll(async () => {
  for (const { server: one } of [own, foreign]) {
    one.closeAllConnections();
    one.close();
  }
  await server.stop();
});

async function startIssuer(): Promise<Issuer> {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const cert = await server.running.pki.issueCertificate({
    commonName: 'issuer',
    hosts: ['127.0.0.1'],
    usages: ['server'],
  });
  let url = '';
  const issuer = createServer({ cert: cert.certificate, key: cert.key }, ({ url: path }, response) => {
    const keys = [{ kid: 'k', alg: 'ES256', ...publicKey.export({ format: 'jwk' }) }];
    response.end(JSON.stringify(path === '/keys' ? { keys } : { issuer: url, jwks_uri: `${url}/keys` }));
  });
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  return { server: issuer, url, key };
}

function jwtOf({ url }: Issuer): Json {
  const mapping = (claim: string) => ({ claim, prefix: 'oidc:' });
  return {
    issuer: { url, certificateAuthority: server.running.pki.caCertificatePem, audiences: ['corp'] },
    // kcp's clients send what they do not mean as empty.
    claimMappings: {
      username: mapping('email'),
      groups: mapping('groups'),
      uid: { claim: '', expression: '' },
    },
  };
}

function tokenOf({ url, key }: Issuer, claims: Json = {}, audience: string[] = BOTH): Promise<string> {
  return new SignJWT({ email: 'ann@example.org', groups: ['devs'], ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(url)
    .setAudience(audience)
    .setExpirationTime('10m')
    .sign(key);
}

/** Over the wire, for who shows only a token. */
function send(token: string, path: string, body?: Json): Promise<Answered> {
  const { port, pki } = server.running;
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        ...{ host: '127.0.0.1', port, path, ca: pki.caCertificatePem, agent: false },
        method: body === undefined ? 'GET' : 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      },
      async (answer) => {
        const chunks: Buffer[] = [];
        for await (const chunk of answer) chunks.push(chunk);
        resolve({ status: answer.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) });
      },
    );
    asking.on('error', reject);
    asking.end(body && JSON.stringify(body));
  });
}

test('the issuers of its type are good in a workspace, and nowhere else', async () => {
  const token = await tokenOf(own);
  expect((await send(token, `${a}${NAMESPACES}`)).status).toBe(200);
  expect((await send(token, `/clusters/root:a${NAMESPACES}`)).status).toBe(200);
  for (const elsewhere of [b, '', '/clusters/*', `/services/apiexport/${A}/x${a}`, '/clusters/root:a:b'])
    expect([elsewhere, (await send(token, `${elsewhere}${NAMESPACES}`)).status]).toEqual([elsewhere, 401]);
});

test('who comes so is scoped to the workspace', async () => {
  const { body } = await send(await tokenOf(own), `${a}${WHO_AM_I}`, {});
  const { username, groups, extra } = body.status.userInfo;
  expect([username, groups]).toEqual(['oidc:ann@example.org', ['oidc:devs', 'system:authenticated']]);
  expect(extra).toMatchObject({
    'authentication.kcp.io/scopes': [`cluster:${A}`],
    'authentication.kcp.io/cluster-name': [A],
  });
});

test('a review of its token in the workspace tells who he is, elsewhere nobody', async () => {
  const token = await tokenOf(own);
  const review = async (prefix: string) => {
    const asked = { spec: { token } };
    const { body } = await server.ask(
      MASTER,
      'POST',
      `${prefix}/apis/authentication.k8s.io/v1/tokenreviews`,
      asked,
    );
    return [body.status.authenticated ?? false, body.status.user.username];
  };
  expect(await review(a)).toEqual([true, 'oidc:ann@example.org']);
  expect(await review(b)).toEqual([false, undefined]);
  expect(await review('')).toEqual([false, undefined]);
});

test('a token of another issuer, for another audience, or for no API server is refused', async () => {
  const refused = [
    await tokenOf(foreign),
    await tokenOf({ ...own, key: foreign.key }),
    await tokenOf(own, {}, ['https://kcp.default.svc']),
    await tokenOf(own, {}, ['corp']),
    'not.a.token',
  ];
  for (const token of refused) expect((await send(token, `${a}${NAMESPACES}`)).status).toBe(401);
});

test('an issuer makes nobody of the system', async () => {
  const plain = jwtOf(own);
  plain.claimMappings.username.prefix = '';
  plain.claimMappings.groups.prefix = '';
  const changed = await server.ask(MASTER, 'PATCH', `${CONFIGURATIONS}/corp`, { spec: { jwt: [plain] } });
  expect(changed.status).toBe(200);
  const admin = await tokenOf(own, { email: 'system:admin' });
  expect((await send(admin, `${a}${NAMESPACES}`)).status).toBe(401);
  const master = await tokenOf(own, { email: 'eve', groups: ['system:masters', 'system:kcp:admin', 'devs'] });
  expect((await send(master, `${a}${NAMESPACES}`)).status).toBe(403);
  await server.grant(a, 'eve', 'system:kcp:workspace:access');
  const { body } = await send(master, `${a}${WHO_AM_I}`, {});
  expect(body.status.userInfo.groups).toEqual(['devs', 'system:authenticated']);
});

test('a configuration counts as long as it is there, as it is', async () => {
  const token = await tokenOf(own);
  const changed = { spec: { jwt: [jwtOf(foreign)] } };
  expect((await server.ask(MASTER, 'PATCH', `${CONFIGURATIONS}/corp`, changed)).status).toBe(200);
  expect((await send(token, `${a}${NAMESPACES}`)).status).toBe(401);
  expect((await send(await tokenOf(foreign), `${a}${NAMESPACES}`)).status).toBe(200);
  await server.ask(MASTER, 'DELETE', `${CONFIGURATIONS}/corp`);
  expect((await send(await tokenOf(foreign), `${a}${NAMESPACES}`)).status).toBe(401);
});

test('what is not supported is refused by name', async () => {
  const jwt = { ...jwtOf(own), userValidationRules: [{ expression: 'true', message: '' }] };
  const { status, body } = await server.ask(MASTER, 'POST', CONFIGURATIONS, {
    metadata: { name: 'cel' },
    spec: { jwt: [jwt] },
  });
  expect(status).toBe(403);
  expect(body.message).toContain(
    'spec.jwt[0].userValidationRules is not supported: CEL expressions are not evaluated here',
  );
});
