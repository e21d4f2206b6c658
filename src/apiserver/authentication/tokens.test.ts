import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pod, TestServer } from '../api-server.test-support.ts';

const NAMESPACE = '/api/v1/namespaces/default';
const SYSTEM_SECRETS = '/api/v1/namespaces/kube-system/secrets';
const ISSUER = 'https://kubernetes.default.svc.cluster.local';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  await server.post(`${NAMESPACE}/serviceaccounts`, { metadata: { name: 'robot' } });
  await server.post(`${NAMESPACE}/serviceaccounts`, { metadata: { name: 'default' } });
});

afterAll(() => server.stop());

async function review(token: string, audiences?: string[]) {
  const spec = { token, ...(audiences && { audiences }) };
  return (await server.post('/apis/authentication.k8s.io/v1/tokenreviews', { spec })).body.status;
}

describe('tokens in Secrets', () => {
  const secret = (name: string, account = 'robot') => ({
    metadata: { name, annotations: { 'kubernetes.io/service-account.name': account } },
    type: 'kubernetes.io/service-account-token',
  });
  const tokenOf = (body: { data: { token: string } }) => Buffer.from(body.data.token, 'base64').toString();

  test('are filled in as the Secret is written, also under a generated name', async () => {
    const { body } = await server.post(`${NAMESPACE}/secrets`, {
      ...secret(''),
      metadata: { generateName: 'robot-', annotations: secret('x').metadata.annotations },
    });
    expect(Object.keys(body.data).sort()).toEqual(['ca.crt', 'namespace', 'token']);
    expect(body.metadata.annotations['kubernetes.io/service-account.uid']).toBeTypeOf('string');
    expect(await review(tokenOf(body))).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:default:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
      },
      audiences: [ISSUER],
    });
  });

  test('are good while the Secret holds them, and not after it', async () => {
    const { body } = await server.post(`${NAMESPACE}/secrets`, secret('held'));
    const token = tokenOf(body);
    await server.patch(`${NAMESPACE}/secrets/held`, { data: { token: null } });
    const renewed = tokenOf((await server.get(`${NAMESPACE}/secrets/held`)).body);
    expect(renewed).not.toBe(token);
    expect((await review(token)).authenticated).toBe(false);
    expect((await review(renewed)).authenticated).toBe(true);
    await server.delete(`${NAMESPACE}/secrets/held`);
    expect((await review(renewed)).authenticated).toBe(false);
  });

  test('of no account hold nothing', async () => {
    expect((await server.post(`${NAMESPACE}/secrets`, secret('lost', 'nobody'))).body.data).toBeUndefined();
  });
});

describe('bound tokens', () => {
  const request = (account: string, spec: object) =>
    server.post(`${NAMESPACE}/serviceaccounts/${account}/token`, { spec });

  test('die with their Secret and with their account', async () => {
    await server.post(`${NAMESPACE}/secrets`, { metadata: { name: 'bound' } });
    const ref = { kind: 'Secret', apiVersion: 'v1', name: 'bound' };
    const { token } = (await request('robot', { boundObjectRef: ref })).body.status;
    expect((await review(token)).authenticated).toBe(true);
    await server.delete(`${NAMESPACE}/secrets/bound`);
    expect(await review(token)).toMatchObject({ authenticated: false, error: 'invalid bearer token' });
    await server.post(`${NAMESPACE}/serviceaccounts`, { metadata: { name: 'brief' } });
    const plain = (await request('brief', {})).body.status.token;
    await server.delete(`${NAMESPACE}/serviceaccounts/brief`);
    expect((await review(plain)).authenticated).toBe(false);
  });

  test('are good for their audiences only, and a review names which', async () => {
    const { token } = (await request('robot', { audiences: ['vault', 'other'] })).body.status;
    expect((await review(token)).authenticated).toBe(false);
    expect(await review(token, ['vault', 'third'])).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
    });
  });

  test('name the node of their pod', async () => {
    await server.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    await server.post(`${NAMESPACE}/pods`, pod('placed'));
    await server.post(`${NAMESPACE}/pods/placed/binding`, {
      metadata: { name: 'placed' },
      target: { kind: 'Node', name: 'n1' },
    });
    const ref = { kind: 'Pod', apiVersion: 'v1', name: 'placed' };
    const { token } = (await request('default', { boundObjectRef: ref })).body.status;
    expect((await review(token)).user.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['placed'],
      'authentication.kubernetes.io/node-name': ['n1'],
      'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)],
    });
  });

  test('verify with the published key', async () => {
    const robot = {
      name: 'system:serviceaccount:default:robot',
      groups: ['system:serviceaccounts', 'system:authenticated'],
    };
    const configuration = await server.get('/.well-known/openid-configuration', robot);
    expect(configuration.body).toMatchObject({
      issuer: ISSUER,
      jwks_uri: 'https://192.0.2.1:6443/openid/v1/jwks',
    });
    const { headers, body } = await server.get('/openid/v1/jwks', robot);
    expect(headers['content-type']).toBe('application/jwk-set+json');
    const [jwk] = JSON.parse(typeof body === 'string' ? body : JSON.stringify(body)).keys;
    const { token } = (await request('robot', {})).body.status;
    const [header, payload, signature] = token.split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString()).kid).toBe(jwk.kid);
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify('sha256', signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
    const stranger = { name: 'ann', groups: ['system:authenticated'] };
    expect((await server.get('/openid/v1/jwks', stranger)).status).toBe(403);
  });
});

describe('joining tokens', () => {
  const TOKEN = 'abcdef.0123456789abcdef';
  const make = (stringData: Record<string, string>) =>
    server.post(SYSTEM_SECRETS, {
      metadata: { name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      stringData: {
        'token-id': 'abcdef',
        'token-secret': '0123456789abcdef',
        'usage-bootstrap-authentication': 'true',
        ...stringData,
      },
    });
  const drop = () => server.delete(`${SYSTEM_SECRETS}/bootstrap-token-abcdef`);

  test('stand for a joining machine and its groups', async () => {
    expect((await review(TOKEN)).authenticated).toBe(false);
    await make({ 'auth-extra-groups': 'system:bootstrappers:workers' });
    expect(await review(TOKEN)).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:workers', 'system:authenticated'],
      },
    });
    expect((await review('abcdef.0123456789abcdeX')).authenticated).toBe(false);
    await drop();
  });

  test.each([
    ['ended', { expiration: '2020-01-01T00:00:00Z' }],
    ['for signing only', { 'usage-bootstrap-authentication': 'false' }],
    ['with a group of somebody else', { 'auth-extra-groups': 'system:masters' }],
    ['of another id', { 'token-id': 'fedcba' }],
  ])('are refused when %s', async (_why, data) => {
    await make(data);
    expect((await review(TOKEN)).authenticated).toBe(false);
    await drop();
  });
});
