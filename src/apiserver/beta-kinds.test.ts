import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CERTIFICATE_REQUEST, TRUST_ANCHOR } from '../kube/resources/class-samples.test-data.ts';
import { TestServer } from './api-server.test-support.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
});

afterAll(() => server.stop());

const user = { name: 'bob', groups: ['system:authenticated'] };

/** Everything in certificates.k8s.io, but no signer. */
async function admitBob(): Promise<void> {
  await server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'certificates' },
    rules: [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: ['clustertrustbundles', 'podcertificaterequests', 'podcertificaterequests/status'],
        verbs: ['*'],
      },
    ],
  });
  await bind('certificates');
}

async function bind(name: string): Promise<void> {
  await server.post('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'bob' }],
  });
}

describe('an object of a beta version of a stable kind', () => {
  const claim = (version: string, name = '') =>
    `/apis/resource.k8s.io/${version}/namespaces/default/resourceclaims${name === '' ? '' : `/${name}`}`;

  test('is the stable one, in other words', async () => {
    const requests = [{ name: 'gpu', deviceClassName: 'gpu.example.com' }];
    const made = await server.post(claim('v1beta1'), {
      metadata: { name: 'one' },
      spec: { devices: { requests } },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      apiVersion: 'resource.k8s.io/v1beta1',
      spec: { devices: { requests: [{ name: 'gpu', deviceClassName: 'gpu.example.com', count: 1 }] } },
    });
    expect((await server.get(claim('v1', 'one'))).body).toMatchObject({
      apiVersion: 'resource.k8s.io/v1',
      metadata: { uid: made.body.metadata.uid, resourceVersion: made.body.metadata.resourceVersion },
      spec: {
        devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com', count: 1 } }] },
      },
    });
    const { body } = await server.get(claim('v1beta2'));
    expect(body).toMatchObject({
      apiVersion: 'resource.k8s.io/v1beta2',
      items: [{ metadata: { name: 'one' }, spec: { devices: { requests: [{ exactly: { count: 1 } }] } } }],
    });
  });

  test('comes after the stable one in discovery, and is not what clients prefer', async () => {
    const { body } = await server.get('/apis/resource.k8s.io');
    expect(body.preferredVersion.version).toBe('v1');
    expect(body.versions.map((one: { version: string }) => one.version)).toEqual([
      'v1',
      'v1beta2',
      'v1beta1',
    ]);
  });
});

describe('trust bundles and certificate requests of pods', () => {
  const BUNDLES = '/apis/certificates.k8s.io/v1beta1/clustertrustbundles';
  const REQUESTS = '/apis/certificates.k8s.io/v1beta1/namespaces/default/podcertificaterequests';
  const trustBundle = Buffer.from(TRUST_ANCHOR, 'base64').toString();
  const signerName = 'example.com/mesh';

  test('a bundle of a signer is made by who may attest for it', async () => {
    await admitBob();
    const bundle = { metadata: { name: 'example.com:mesh:v1' }, spec: { signerName, trustBundle } };
    const make = () => server.send('POST', BUNDLES, bundle, { user });
    expect(await make()).toMatchObject({
      status: 403,
      body: {
        message:
          'clustertrustbundles.certificates.k8s.io "example.com:mesh:v1" is forbidden: user not permitted to attest for signerName "example.com/mesh"',
      },
    });
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'attester' },
      rules: [
        {
          apiGroups: ['certificates.k8s.io'],
          resources: ['signers'],
          resourceNames: ['example.com/*'],
          verbs: ['attest'],
        },
      ],
    });
    await bind('attester');
    expect((await make()).status).toBe(201);
    const selected = await server.get(`${BUNDLES}?fieldSelector=spec.signerName%3Dexample.com/mesh`);
    expect(selected.body.items).toHaveLength(1);
  });

  test('a request of a pod is signed by nobody but its signer', async () => {
    const stubPKCS10Request = Buffer.from(CERTIFICATE_REQUEST, 'base64')
      .toString()
      .replace(/-----[^-]+-----|\s/g, '');
    const made = await server.send(
      'POST',
      REQUESTS,
      {
        metadata: { name: 'web' },
        spec: {
          signerName,
          podName: 'web',
          podUID: 'p',
          serviceAccountName: 'default',
          serviceAccountUID: 's',
          nodeName: 'n1',
          nodeUID: 'n',
          stubPKCS10Request,
        },
      },
      { user },
    );
    expect(made).toMatchObject({ status: 201, body: { spec: { maxExpirationSeconds: 86_400 } } });
    const denied = { conditions: [{ type: 'Denied', status: 'True', reason: 'NotMine', message: 'no' }] };
    const change = (status: object) =>
      server.send('PUT', `${REQUESTS}/web/status`, { ...made.body, status }, { user });
    expect((await change({ certificateChain: 'x' })).status).toBeGreaterThanOrEqual(400);
    expect(await change(denied)).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('user not permitted to sign requests with signerName') },
    });
    await server.post('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
      metadata: { name: 'signer' },
      rules: [{ apiGroups: ['certificates.k8s.io'], resources: ['signers'], verbs: ['sign'] }],
    });
    await bind('signer');
    expect(await change(denied)).toMatchObject({
      status: 200,
      body: { status: { conditions: [{ type: 'Denied', lastTransitionTime: expect.any(String) }] } },
    });
  });
});
