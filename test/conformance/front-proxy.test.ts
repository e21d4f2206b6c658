import { once } from 'node:events';
import { connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KeyPair, makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';
import { type RunningServer, startServer } from './running-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever is answered.
type Json = any;

/** A server behind a front proxy of somebody else's, as --requestheader-* says. */
let running: RunningServer;
let authority: KeyPair;

beforeAll(async () => {
  // The name of our own authority, and of its kind: only the signature tells them apart.
  authority = await makeAuthority('orrery-ca', Date.now(), 1);
  running = await startServer({
    requestHeaders: {
      clientCaPem: authority.certificate,
      allowedNames: ['gate'],
      usernameHeaders: ['X-User', 'X-Remote-User'],
      uidHeaders: [],
      groupHeaders: ['X-Groups'],
      extraHeaderPrefixes: ['X-More-'],
    },
  });
});

afterAll(() => running?.stop());

interface Asking {
  identity?: KeyPair;
  headers?: Record<string, string | string[]>;
}

function send(method: string, path: string, body: object | undefined, { identity, headers }: Asking = {}) {
  return new Promise<{ status: number; body: Json }>((resolve, reject) => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: running.port,
      ca: running.pki.caCertificatePem,
      agent: false,
      method,
      path,
      ...(identity && { cert: identity.certificate, key: identity.key }),
      headers: { 'content-type': 'application/json', ...headers },
    });
    request.once('error', reject);
    request.once('response', async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
      resolve({ status: response.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) });
    });
    request.end(body && JSON.stringify(body));
  });
}

const signed = (by: KeyPair, commonName: string, organizations: string[] = []) =>
  makeCertificate(by, { commonName, organizations, usages: ['client'], validDays: 1 }, Date.now());

const whoAmI = (asking: Asking) =>
  send(
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    asking,
  );

test('a proxy of its own authority is heard, by its name and in its headers', async () => {
  const identity = await signed(authority, 'gate');
  const headers = { 'X-User': 'ann', 'X-Groups': ['dev', 'ops'], 'X-More-Team%2fid': 'a' };
  expect((await whoAmI({ identity, headers })).body.status.userInfo).toEqual({
    username: 'ann',
    groups: ['dev', 'ops', 'system:authenticated'],
    extra: { 'team/id': ['a'] },
  });
  const other = await signed(authority, 'somebody');
  expect((await whoAmI({ identity: other, headers })).status).toBe(401);
});

test('a comma is part of a group’s name, by whichever wire it comes', async () => {
  const identity = await signed(authority, 'gate');
  const groups = ['CN=ops,OU=x', 'mine, system:masters'];
  const headers = { 'X-User': 'eve', 'X-Groups': groups, 'X-More-Team': 'a,b' };
  const told = [...groups, 'system:authenticated'];
  const { userInfo } = (await whoAmI({ identity, headers })).body.status;
  expect(userInfo).toEqual({ username: 'eve', groups: told, extra: { team: ['a,b'] } });
  expect((await send('GET', '/api/v1/secrets', undefined, { identity, headers })).status).toBe(403);

  const session = connect(`https://127.0.0.1:${running.port}`, {
    ca: running.pki.caCertificatePem,
    cert: identity.certificate,
    key: identity.key,
  });
  const asked = { ':path': '/api/v1/secrets', 'x-user': 'eve', 'x-groups': groups };
  const [answer] = await once(session.request(asked), 'response');
  expect(answer[':status']).toBe(403);
  session.destroy();

  const admin = await running.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  const as = { 'Impersonate-User': 'eve', 'Impersonate-Group': groups };
  expect((await whoAmI({ identity: admin, headers: as })).body.status.userInfo.groups).toEqual(told);
});

test('who signs proxies signs no users, whatever it is called', async () => {
  const identity = await signed(authority, 'root', ['system:masters']);
  expect((await whoAmI({ identity })).status).toBe(401);
  const proxy = await signed(authority, 'gate', ['system:masters']);
  expect((await send('GET', '/api/v1/secrets', undefined, { identity: proxy })).status).toBe(401);
});

test('extension API servers are told of both authorities', async () => {
  const identity = await running.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  const path = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  const { data } = (await send('GET', path, undefined, { identity })).body;
  expect(data['requestheader-client-ca-file'].match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(JSON.parse(data['requestheader-allowed-names'])).toEqual(['front-proxy-client', 'gate']);
  expect(JSON.parse(data['requestheader-username-headers'])).toEqual(['X-Remote-User', 'X-User']);
});

test('an extension API server may ask who a token is and what a user may do', async () => {
  const identity = await running.pki.issueClientCertificate({
    commonName: 'admin',
    organizations: ['system:masters'],
  });
  const as = { identity };
  const account = '/api/v1/namespaces/default/serviceaccounts';
  for (const name of ['backend', 'reader'])
    expect((await send('POST', account, { metadata: { name } }, as)).status).toBe(201);
  const tokenOf = async (name: string): Promise<string> =>
    (await send('POST', `${account}/${name}/token`, { spec: {} }, as)).body.status.token;
  const subjects = [{ kind: 'ServiceAccount', name: 'backend', namespace: 'default' }];
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const roleRef = (kind: string, name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind, name });
  await send(
    'POST',
    `${rbac}/clusterrolebindings`,
    { metadata: { name: 'd' }, subjects, roleRef: roleRef('ClusterRole', 'system:auth-delegator') },
    as,
  );
  await send(
    'POST',
    `${rbac}/namespaces/kube-system/rolebindings`,
    {
      metadata: { name: 'd' },
      subjects,
      roleRef: roleRef('Role', 'extension-apiserver-authentication-reader'),
    },
    as,
  );
  const backend = { headers: { authorization: `Bearer ${await tokenOf('backend')}` } };
  const trust = '/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication';
  expect((await send('GET', trust, undefined, backend)).status).toBe(200);
  const token = await tokenOf('reader');
  const review = await send(
    'POST',
    '/apis/authentication.k8s.io/v1/tokenreviews',
    { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } },
    backend,
  );
  expect(review.body.status).toMatchObject({
    authenticated: true,
    user: { username: 'system:serviceaccount:default:reader' },
  });
  const resourceAttributes = { group: 'wardle.example.com', resource: 'flunders', verb: 'list' };
  const access = await send(
    'POST',
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user: 'system:serviceaccount:default:reader', resourceAttributes },
    },
    backend,
  );
  expect([access.status, access.body.status.allowed]).toEqual([201, false]);
});
