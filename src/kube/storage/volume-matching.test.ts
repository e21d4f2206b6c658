import { expect, test } from 'vitest';
import type { corev1 } from '../types/index.generated.ts';
import { findMatchingVolume, volumeMismatch } from './volume-matching.ts';

type Claim = corev1.PersistentVolumeClaim;
type Volume = corev1.PersistentVolume;

function volume(
  name: string,
  storage: string,
  spec: object = {},
  labels: Record<string, string> = {},
): Volume {
  return {
    metadata: { name, labels },
    spec: { capacity: { storage }, accessModes: ['ReadWriteOnce'], storageClassName: 'c', ...spec },
    status: { phase: 'Available' },
  } as unknown as Volume;
}

function claim(spec: object = {}): Claim {
  return {
    metadata: { name: 'data', namespace: 'default', uid: 'uid' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'c',
      resources: { requests: { storage: '1Gi' } },
      ...spec,
    },
  } as unknown as Claim;
}

const find = (volumes: Volume[], one = claim(), more: object = {}) =>
  findMatchingVolume({ claim: one, volumes, delayedBinding: false, ...more })?.metadata.name;

test('the smallest that suffices, of its class, mode and labels', () => {
  expect(find([volume('big', '5Gi'), volume('fits', '2Gi'), volume('small', '500Mi')])).toBe('fits');
  expect(find([volume('other', '1Gi', { storageClassName: 'd' })])).toBeUndefined();
  expect(find([volume('block', '1Gi', { volumeMode: 'Block' })])).toBeUndefined();
  const labelled = claim({ selector: { matchLabels: { disk: 'ssd' } } });
  expect(find([volume('a', '1Gi'), volume('b', '3Gi', {}, { disk: 'ssd' })], labelled)).toBe('b');
});

test('one with all its access modes, and with as few more as can be', () => {
  const shared = { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] };
  expect(find([volume('shared', '1Gi', shared)], claim(shared))).toBe('shared');
  expect(find([volume('single', '1Gi')], claim(shared))).toBeUndefined();
  expect(find([volume('shared', '1Gi', shared), volume('single', '2Gi')])).toBe('single');
});

test('the one reserved for it before all others, and never one reserved for another', () => {
  const reservedFor = (name: string, uid?: string) => ({ claimRef: { namespace: 'default', name, uid } });
  expect(find([volume('a', '1Gi'), volume('b', '9Gi', reservedFor('data'))])).toBe('b');
  expect(find([volume('a', '1Gi', reservedFor('other'))])).toBeUndefined();
  expect(find([volume('a', '1Gi', reservedFor('data', 'an older one'))])).toBeUndefined();
});

test('nothing yet when it waits for a pod; then what its node reaches', () => {
  const at = (host: string) => ({
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'host', operator: 'In', values: [host] }] }],
      },
    },
  });
  const volumes = [volume('near', '1Gi', at('a')), volume('far', '1Gi', at('b'))];
  expect(find(volumes, claim(), { delayedBinding: true })).toBeUndefined();
  const node = { name: 'b', labels: { host: 'b' } };
  expect(find(volumes, claim(), { delayedBinding: true, node })).toBe('far');
  expect(find(volumes, claim(), { delayedBinding: true, node, taken: new Set(['far']) })).toBeUndefined();
});

test('why a claim cannot have the volume it names', () => {
  expect(volumeMismatch(volume('a', '1Gi'), claim())).toBeUndefined();
  expect(volumeMismatch(volume('a', '1Mi'), claim())).toBe('requested PV is too small');
  expect(volumeMismatch(volume('a', '1Gi', { storageClassName: '' }), claim())).toBe(
    'storageClassName does not match',
  );
  expect(volumeMismatch(volume('a', '1Gi', { volumeMode: 'Block' }), claim())).toBe(
    'incompatible volumeMode',
  );
  expect(volumeMismatch(volume('a', '1Gi'), claim({ accessModes: ['ReadWriteMany'] }))).toBe(
    'incompatible accessMode',
  );
});
