import { expect, test } from 'vitest';
import { asConfigBlob, asIndex, asManifest, compressionOf, pickPlatform } from './media-types.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const blob = (more: object) => ({ rootfs: { type: 'layers', diff_ids: [DIGEST] }, ...more });

test('a config whose fields are null or absent is one', () => {
  expect(asConfigBlob(blob({}), 'c').rootfs.diff_ids).toEqual([DIGEST]);
  expect(asConfigBlob(blob({ config: null, history: null, created: null }), 'c')).toBeDefined();
  expect(
    asConfigBlob(blob({ config: { Cmd: null, Env: null, Labels: null, Volumes: null } }), 'c'),
  ).toBeDefined();
});

test('a config with fields of strange kinds is refused, and the field named', () => {
  for (const [name, value] of [
    ['Env', 'A=1'],
    ['Env', [1]],
    ['Cmd', { 0: 'sh' }],
    ['Entrypoint', 'sh'],
    ['Labels', { a: { b: 1 } }],
    ['Labels', ['a']],
    ['Volumes', '/etc'],
    ['ExposedPorts', 80],
    ['User', 0],
    ['WorkingDir', ['/']],
    ['StopSignal', 9],
    ['OnBuild', 'RUN x'],
  ] as const)
    expect(() => asConfigBlob(blob({ config: { [name]: value } }), 'c')).toThrow(`field ${name}`);
  expect(() => asConfigBlob(blob({ config: { Healthcheck: { Test: 'x' } } }), 'c')).toThrow('field Test');
  expect(() => asConfigBlob(blob({ config: 'x' }), 'c')).toThrow('field config');
  expect(() => asConfigBlob(blob({ history: [null] }), 'c')).toThrow('is not an object');
  expect(() => asConfigBlob(blob({ history: [{ created_by: 1 }] }), 'c')).toThrow('field created_by');
  expect(() => asConfigBlob(blob({ created: 5 }), 'c')).toThrow('field created');
  for (const value of [null, 1, 'x', [], {}, { rootfs: null }, { rootfs: { diff_ids: 'x' } }])
    expect(() => asConfigBlob(value, 'c')).toThrow('is not an image config');
});

test('digests that are no sha256, or lead out of the store, are refused', () => {
  for (const digest of [
    'sha256:../../../../etc/passwd',
    `sha512:${'a'.repeat(128)}`,
    'sha256:A',
    '',
    DIGEST.slice(0, -1),
  ]) {
    expect(() => asManifest({ layers: [], config: { mediaType: 'x', digest, size: 1 } }, 'm')).toThrow(
      'only sha256',
    );
    expect(() => asIndex({ manifests: [{ mediaType: 'x', digest, size: 1 }] }, 'i')).toThrow('only sha256');
    expect(() => asConfigBlob({ rootfs: { diff_ids: [digest] } }, 'c')).toThrow('not a sha256 digest');
  }
  for (const size of [-1, 1.5, '1', Number.NaN, 2 ** 60])
    expect(() => asManifest({ layers: [], config: { mediaType: 'x', digest: DIGEST, size } }, 'm')).toThrow(
      'not a descriptor',
    );
});

test('layers that are fetched from elsewhere, and unknown ones, are refused', () => {
  for (const type of [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.v1.tar+br',
    'application/octet-stream',
    '',
  ])
    expect(() => compressionOf(type)).toThrow('not supported');
});

test('an index without a fitting manifest says what it offers', () => {
  const one = { mediaType: 'x', digest: DIGEST, size: 1, platform: { os: 'plan9', architecture: 'mips' } };
  expect(() => pickPlatform({ schemaVersion: 2, manifests: [one] })).toThrow('plan9/mips');
});
