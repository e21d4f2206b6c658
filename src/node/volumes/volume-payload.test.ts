import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { type PayloadSources, volumePayload, volumeReferences } from './volume-payload.ts';

const pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { b: '2', a: '1' } },
  spec: { containers: [{ name: 'a', resources: { requests: { cpu: '250m' } } }] },
} as unknown as corev1.Pod;

const token: corev1.ServiceAccountTokenProjection = { path: 'token' };
const sources = {
  configMaps: new Map([
    [
      'cm',
      {
        metadata: {},
        data: { 'a.txt': 'hello' },
        binaryData: { bin: Buffer.from([0, 255]).toString('base64') },
      },
    ],
  ]),
  secrets: new Map([['sec', { metadata: {}, data: { key: Buffer.from('s3cret').toString('base64') } }]]),
  tokens: new Map([[token, 'jwt']]),
  facts: { podIPs: [], hostIPs: [], allocatable: {} },
} as unknown as PayloadSources;

function filesOf(volume: Partial<corev1.Volume>, of = pod): Record<string, [string, string]> {
  const payload = volumePayload(of, { name: 'v', ...volume } as corev1.Volume, sources);
  return Object.fromEntries(
    [...payload].map(([path, file]) => [
      path,
      [Buffer.from(file.content).toString('latin1'), file.mode.toString(8)],
    ]),
  );
}

test('a configMap shows all its keys, text and binary', () => {
  expect(filesOf({ configMap: { name: 'cm' } })).toEqual({
    'a.txt': ['hello', '644'],
    bin: ['\x00\xff', '644'],
  });
});

test('items choose, rename and set modes', () => {
  const items = [{ key: 'key', path: 'deep/down', mode: 0o400 }];
  expect(filesOf({ secret: { secretName: 'sec', items, defaultMode: 0o640 } })).toEqual({
    'deep/down': ['s3cret', '400'],
  });
});

test('what is missing is named as the kubelet names it', () => {
  expect(() => filesOf({ configMap: { name: 'no' } })).toThrow('configmap "no" not found');
  expect(() => filesOf({ secret: { secretName: 'no' } })).toThrow('secret "no" not found');
  expect(() => filesOf({ configMap: { name: 'cm', items: [{ key: 'x', path: 'x' }] } })).toThrow(
    'configmap references non-existent config key: x',
  );
  expect(() => filesOf({ secret: { secretName: 'sec', items: [{ key: 'x', path: 'x' }] } })).toThrow(
    'references non-existent secret key: x',
  );
});

test('what is optional may be missing', () => {
  expect(filesOf({ configMap: { name: 'no', optional: true } })).toEqual({});
  expect(filesOf({ secret: { secretName: 'no', optional: true } })).toEqual({});
});

test('a projected volume is one folder of many sources', () => {
  const projected: corev1.ProjectedVolumeSource = {
    defaultMode: 0o444,
    sources: [
      { serviceAccountToken: token },
      { configMap: { name: 'cm', items: [{ key: 'a.txt', path: 'ca.crt' }] } },
      {
        downwardAPI: {
          items: [
            { path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } },
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            {
              path: 'cpu',
              resourceFieldRef: { containerName: 'a', resource: 'requests.cpu', divisor: '1m' },
            },
          ],
        },
      },
    ],
  };
  expect(filesOf({ projected })).toEqual({
    token: ['jwt', '444'],
    'ca.crt': ['hello', '444'],
    namespace: ['n', '444'],
    labels: ['a="1"\nb="2"', '444'],
    cpu: ['250', '444'],
  });
  expect(volumeReferences({ name: 'v', projected } as corev1.Volume)).toEqual({
    configMaps: ['cm'],
    secrets: [],
    tokens: [token],
  });
});

test('a token is its user’s alone when there is one user', () => {
  const of = structuredClone(pod);
  of.spec.securityContext = { runAsUser: 1000 };
  const payload = volumePayload(
    of,
    { name: 'v', projected: { sources: [{ serviceAccountToken: token }] } } as unknown as corev1.Volume,
    sources,
  );
  expect(payload.get('token')).toMatchObject({ mode: 0o600, uid: 1000 });
});

test('a projection that is not supported is refused by name', () => {
  expect(() =>
    filesOf({
      projected: { sources: [{ clusterTrustBundle: { path: 'x' } as corev1.ClusterTrustBundleProjection }] },
    }),
  ).toThrow('clusterTrustBundle');
});
