import { expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { volumeVerdict } from './volume-verdict.ts';

function volume(spec: object = {}, annotations: Record<string, string> = {}): corev1.PersistentVolume {
  return {
    metadata: { name: 'v', annotations },
    spec: { persistentVolumeReclaimPolicy: 'Retain', ...spec },
  } as unknown as corev1.PersistentVolume;
}

const claimRef = { namespace: 'default', name: 'data', uid: 'uid' };
const claim = (volumeName?: string) =>
  ({
    metadata: { name: 'data', uid: 'uid' },
    spec: { volumeName },
  }) as unknown as corev1.PersistentVolumeClaim;
const provisioned = { 'pv.kubernetes.io/provisioned-by': 'rancher.io/local-path' };

test('it is available, kept for a claim to come, bound, or on the way there', () => {
  expect(volumeVerdict(volume(), undefined)).toEqual({ kind: 'phase', phase: 'Available' });
  expect(volumeVerdict(volume({ claimRef: { ...claimRef, uid: undefined } }), undefined)).toEqual({
    kind: 'look at claim',
    phase: 'Available',
  });
  expect(volumeVerdict(volume({ claimRef }), claim('v'))).toEqual({ kind: 'phase', phase: 'Bound' });
  expect(volumeVerdict(volume({ claimRef }), claim())).toEqual({ kind: 'look at claim' });
});

test('a volume whose claim took another is free again, unless it was made for it alone', () => {
  expect(volumeVerdict(volume({ claimRef }), claim('other'))).toEqual({ kind: 'unbind' });
  const alone = volume({ claimRef, persistentVolumeReclaimPolicy: 'Delete' }, provisioned);
  expect(volumeVerdict(alone, claim('other'))).toEqual({ kind: 'phase', phase: 'Released' });
});

test('released, it waits for its provisioner or an administrator; what nobody can do makes it fail', () => {
  const released = (policy: string, annotations = {}) =>
    volumeVerdict(volume({ claimRef, persistentVolumeReclaimPolicy: policy }, annotations), undefined);
  expect(released('Retain')).toEqual({ kind: 'phase', phase: 'Released' });
  expect(released('Delete', provisioned)).toEqual({ kind: 'phase', phase: 'Released' });
  expect(released('Delete')).toMatchObject({
    phase: 'Failed',
    message: 'error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    say: { reason: 'VolumeFailedDelete' },
  });
  expect(released('Recycle')).toMatchObject({ phase: 'Failed', say: { reason: 'VolumeFailedRecycle' } });
});
