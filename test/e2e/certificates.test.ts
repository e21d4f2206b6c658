import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, CERTIFICATE_SIGNING_REQUESTS as CSRS, createClient } from '../../src/client/index.ts';
import { requests } from '../../src/kube/certificates/requests.test-data.ts';
import type { certificatesv1, rbacv1 } from '../../src/kube/index.ts';
import { bootControlPlane, type ControlPlane, until } from './control-plane-fixture.ts';

type Csr = certificatesv1.CertificateSigningRequest;

let controlPlane: ControlPlane;
let client: Client;

beforeAll(async () => {
  controlPlane = await bootControlPlane();
  client = controlPlane.client;
});

afterAll(() => controlPlane.stop());

function request(name: string, encoded: string, signerName: string, usages: string[], as: Client = client) {
  return as
    .resource<Csr>(CSRS)
    .create({ metadata: { name }, spec: { request: encoded, signerName, usages, expirationSeconds: 3600 } });
}

function approve(csr: Csr): Promise<Csr> {
  const conditions = [{ type: 'Approved', status: 'True', reason: 'Test', message: '' }];
  return client.resource<Csr>(CSRS).updateSubresource({ ...csr, status: { conditions } }, 'approval');
}

const seen = (name: string, look: (csr: Csr) => boolean) =>
  until<Csr, Csr>(client, CSRS, undefined, (all) =>
    all.find((one) => one.metadata.name === name && look(one)),
  );

function certificateOf(csr: Csr): X509Certificate {
  return new X509Certificate(Buffer.from(csr.status!.certificate!, 'base64'));
}

test('an approved client request is signed by the cluster for the time asked for', async () => {
  const usages = ['client auth', 'digital signature'];
  await approve(await request('bob', requests.rsa, 'kubernetes.io/kube-apiserver-client', usages));
  const certificate = certificateOf(await seen('bob', ({ status }) => Boolean(status?.certificate)));
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=bob', 'O=ops']);
  expect(certificate.verify(new X509Certificate(controlPlane.pki.caCertificatePem).publicKey)).toBe(true);
  const livesMs = certificate.validToDate.getTime() - Date.now();
  expect(livesMs).toBeGreaterThan(3500 * 1000);
  expect(livesMs).toBeLessThan(3700 * 1000);
});

test('a kubelet server is signed with its names, and what the signer does not sign fails', async () => {
  const serving = 'kubernetes.io/kubelet-serving';
  await approve(
    await request('good', requests.kubeletServing, serving, ['digital signature', 'server auth']),
  );
  await approve(await request('bad', requests.rsa, serving, ['digital signature', 'server auth']));
  const good = certificateOf(await seen('good', ({ status }) => Boolean(status?.certificate)));
  expect([good.checkHost('n1'), good.checkIP('192.0.2.7')]).toEqual(['n1', '192.0.2.7']);
  const bad = await seen('bad', ({ status }) =>
    (status?.conditions ?? []).some(({ type }) => type === 'Failed'),
  );
  expect(bad.status!.conditions).toContainEqual(
    expect.objectContaining({
      type: 'Failed',
      status: 'True',
      reason: 'SignerValidationFailure',
      message: 'subject organization is not system:nodes',
    }),
  );
});

test('a kubelet’s client request is approved and signed by itself when its asker has the right', async () => {
  const user = { name: 'system:bootstrap:abcdef', groups: ['system:bootstrappers', 'system:authenticated'] };
  const joining = createClient(controlPlane.api.localTransport(user), { userAgent: 'test/0' });
  const RBAC = { group: 'rbac.authorization.k8s.io', version: 'v1', namespaced: false };
  const roles = client.resource<rbacv1.ClusterRole>({
    ...RBAC,
    resource: 'clusterroles',
    kind: 'ClusterRole',
  });
  const bindings = client.resource<rbacv1.ClusterRoleBinding>({
    ...RBAC,
    resource: 'clusterrolebindings',
    kind: 'ClusterRoleBinding',
  });
  const resource = 'certificatesigningrequests';
  await roles.create({
    metadata: { name: 'joining' },
    rules: [
      {
        apiGroups: ['certificates.k8s.io'],
        resources: [resource, `${resource}/nodeclient`],
        verbs: ['create'],
      },
    ],
  });
  await bindings.create({
    metadata: { name: 'joining' },
    roleRef: { apiGroup: RBAC.group, kind: 'ClusterRole', name: 'joining' },
    subjects: [{ apiGroup: RBAC.group, kind: 'Group', name: 'system:bootstrappers' }],
  });
  const usages = ['client auth', 'digital signature'];
  await request(
    'join',
    requests.kubeletClient,
    'kubernetes.io/kube-apiserver-client-kubelet',
    usages,
    joining,
  );
  const signed = await seen('join', ({ status }) => Boolean(status?.certificate));
  expect(signed.spec.username).toBe('system:bootstrap:abcdef');
  expect(signed.status!.conditions).toMatchObject([
    {
      type: 'Approved',
      reason: 'AutoApproved',
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    },
  ]);
  expect(certificateOf(signed).subject.split('\n').sort()).toEqual(['CN=system:node:n1', 'O=system:nodes']);
});
