import { describe, expect, test } from 'vitest';
import type { CertificateRequestContent } from '../../kube/index.ts';
import { isDone } from './certificate-cleaner.ts';
import { type Csr, isOurSigner, nodeClientRight, signerError } from './signer-rules.ts';

const NODE: CertificateRequestContent = {
  subjectDer: new Uint8Array(),
  publicKeyDer: new Uint8Array(),
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};
const CLIENT = 'kubernetes.io/kube-apiserver-client';
const KUBELET = 'kubernetes.io/kube-apiserver-client-kubelet';
const SERVING = 'kubernetes.io/kubelet-serving';
const clientUsages = ['digital signature', 'client auth'];
const servingUsages = ['digital signature', 'server auth', 'key encipherment'];

describe('signers', () => {
  test.each<[string, string, Partial<CertificateRequestContent>, string[], string | undefined]>([
    ['a client', CLIENT, { commonName: 'ann', organizations: [] }, clientUsages, undefined],
    [
      'a client that would serve',
      CLIENT,
      {},
      ['client auth', 'server auth'],
      'usages did not match [client auth digital signature key encipherment]',
    ],
    ['a kubelet', KUBELET, {}, clientUsages, undefined],
    ['a kubelet of RSA', KUBELET, {}, [...clientUsages, 'key encipherment'], undefined],
    [
      'a kubelet of another group',
      KUBELET,
      { organizations: ['x'] },
      clientUsages,
      'subject organization is not system:nodes',
    ],
    [
      'a kubelet of another name',
      KUBELET,
      { commonName: 'n1' },
      clientUsages,
      'subject common name does not begin with system:node:',
    ],
    [
      'a kubelet client with names',
      KUBELET,
      { dnsNames: ['n1'] },
      clientUsages,
      'DNS subjectAltNames are not allowed',
    ],
    [
      'a kubelet client that would serve',
      KUBELET,
      {},
      servingUsages,
      'usages did not match [client auth digital signature]',
    ],
    ['a kubelet server', SERVING, { ipAddresses: ['192.0.2.7'] }, servingUsages, undefined],
    ['a kubelet server without names', SERVING, {}, servingUsages, 'DNS or IP subjectAltName is required'],
    [
      'a kubelet server with mail',
      SERVING,
      { dnsNames: ['n1'], emailAddresses: ['a@b'] },
      servingUsages,
      'Email subjectAltNames are not allowed',
    ],
  ])('%s', (_title, signer, content, usages, expected) => {
    expect(signerError(signer, { ...NODE, ...content }, usages)).toBe(expected);
  });

  test('sign for nobody else', () => {
    expect(
      [CLIENT, KUBELET, SERVING, 'kubernetes.io/legacy-unknown', 'example.com/mine'].map(isOurSigner),
    ).toEqual([true, true, true, false, false]);
  });
});

function csr(username: string, status: Csr['status'] = {}, created = '2026-01-01T00:00:00Z'): Csr {
  return {
    metadata: { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: created },
    spec: { request: '', signerName: KUBELET, usages: clientUsages, username },
    status,
  } as Csr;
}

test('a node may be approved for itself, another for any node, and only kubelets at all', () => {
  expect(nodeClientRight(csr('system:node:n1'), NODE)).toBe('selfnodeclient');
  expect(nodeClientRight(csr('system:bootstrap:abc'), NODE)).toBe('nodeclient');
  expect(nodeClientRight(csr('system:node:n1'), { ...NODE, organizations: [] })).toBeUndefined();
});

test('a request is done an hour after it was decided, a day after it was made', () => {
  const at = (time: string) => Date.parse(time);
  const denied = {
    conditions: [{ type: 'Denied', status: 'True', lastUpdateTime: '2026-01-01T00:00:00Z' }],
  };
  expect(isDone(csr('a', denied), at('2026-01-01T00:59:00Z'))).toBe(false);
  expect(isDone(csr('a', denied), at('2026-01-01T01:01:00Z'))).toBe(true);
  expect(isDone(csr('a'), at('2026-01-01T23:00:00Z'))).toBe(false);
  expect(isDone(csr('a'), at('2026-01-02T00:01:00Z'))).toBe(true);
  const waiting = { conditions: [{ ...denied.conditions[0]!, type: 'Approved' }] };
  expect(isDone(csr('a', waiting), at('2026-01-03T00:00:00Z'))).toBe(false);
});
