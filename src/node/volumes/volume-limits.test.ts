import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { corev1 } from '../../kube/index.ts';
import { exceededVolumeLimit } from './volume-limits.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limits-'));
  mkdirSync(join(folder, 'kubernetes.io~empty-dir/v/deep'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

function podWith(emptyDir: corev1.EmptyDirVolumeSource): corev1.Pod {
  return { spec: { volumes: [{ name: 'v', emptyDir }] } } as unknown as corev1.Pod;
}

test('names the volume that holds more than it may', async () => {
  writeFileSync(join(folder, 'kubernetes.io~empty-dir/v/deep/file'), Buffer.alloc(200_000, 1));
  expect(await exceededVolumeLimit(podWith({ sizeLimit: '100Ki' }), folder)).toBe(
    'Usage of EmptyDir volume "v" exceeds the limit "100Ki". ',
  );
  expect(await exceededVolumeLimit(podWith({ sizeLimit: '1Mi' }), folder)).toBeUndefined();
  expect(await exceededVolumeLimit(podWith({ sizeLimit: '1Ki', medium: 'Memory' }), folder)).toBeUndefined();
  expect(await exceededVolumeLimit(podWith({}), folder)).toBeUndefined();
});
