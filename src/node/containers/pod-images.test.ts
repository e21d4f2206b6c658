import { expect, test } from 'vitest';
import { BadRequest, ManualClock, NotFound } from '../../base/index.ts';
import type { Image } from '../../engine/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { PodEvents } from '../pods/pod-events.ts';
import { PodImages, type PullLibrary } from './pod-images.ts';
import type { StartFailed } from './start-failed.ts';

const pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [] },
} as unknown as corev1.Pod;

function setUp() {
  const clock = new ManualClock();
  const lines: string[] = [];
  const present = new Set<string>();
  const inRegistry = new Set<string>();
  const secrets: corev1.Secret[] = [];
  const pulls: { reference: string; user: string | undefined }[] = [];
  const recorder = {
    event: (_: unknown, type: string, reason: string, message: string) =>
      lines.push(`${type} ${reason} ${message}`),
    for: () => recorder,
  };
  const store = {
    resolve: async (reference: string) => {
      if (reference !== reference.toLowerCase())
        throw new BadRequest(`couldn't parse image name "${reference}": invalid reference format`);
      if (reference === 'sha256:2') return { id: 'sha256:2', sizeBytes: 7, fromRegistry: true } as Image;
      const fromRegistry = inRegistry.has(reference);
      return present.has(reference) ? ({ id: 'sha256:1', fromRegistry } as Image) : undefined;
    },
    pull: async (reference, options) => {
      pulls.push({ reference, user: options?.credentials?.username });
      if (!inRegistry.has(reference)) throw new NotFound(`manifest unknown: ${reference}`);
      return { reference, id: 'sha256:2', pulled: true };
    },
  } satisfies PullLibrary;
  const images = new PodImages({
    images: store,
    events: new PodEvents(recorder),
    clock,
    pullSecrets: async () => secrets,
  });
  const ensure = async (image: string, imagePullPolicy = 'IfNotPresent') => {
    lines.length = 0;
    try {
      await images.ensure(pod, { name: 'a', image, imagePullPolicy });
      return 'present';
    } catch (error) {
      return (error as StartFailed).reason;
    }
  };
  return { clock, ensure, lines, present, inRegistry, pulls, secrets };
}

test('an image that is there is used, with any policy', async () => {
  const { ensure, lines, present } = setUp();
  present.add('x');
  for (const policy of ['Always', 'IfNotPresent', 'Never']) expect(await ensure('x', policy)).toBe('present');
  expect(lines).toEqual([
    'Normal Pulled Container image "x" already present on machine and can be accessed by the pod',
  ]);
});

test('a missing image is tried, then waited for 10, 20, 40 … seconds', async () => {
  const { clock, ensure, lines } = setUp();
  expect(await ensure('x')).toBe('ErrImagePull');
  expect(lines.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'Normal Pulling',
    'Warning Failed',
    'Warning Failed',
  ]);
  expect(await ensure('x')).toBe('ImagePullBackOff');
  expect(lines).toEqual([
    'Normal BackOff Back-off pulling image "x"',
    'Warning Failed Error: ImagePullBackOff',
  ]);
  await clock.advance(9_999);
  expect(await ensure('x')).toBe('ImagePullBackOff');
  expect(lines).toEqual([]);
  await clock.advance(1);
  expect(await ensure('x')).toBe('ErrImagePull');
  await clock.advance(19_999);
  expect(await ensure('x')).toBe('ImagePullBackOff');
});

test('an image that comes while it is waited for is used at once', async () => {
  const { ensure, present } = setUp();
  await ensure('x');
  present.add('x');
  expect(await ensure('x')).toBe('present');
});

test('policy Never and bad names have reasons of their own', async () => {
  const { ensure, lines } = setUp();
  expect(await ensure('x', 'Never')).toBe('ErrImageNeverPull');
  expect(await ensure('NOT/valid')).toBe('InvalidImageName');
  expect(lines[0]).toContain('Warning InspectFailed Failed to apply default image tag "NOT/valid"');
});

test('an image that a registry has is pulled, and again with policy Always', async () => {
  const { ensure, inRegistry, lines, present, pulls } = setUp();
  inRegistry.add('x');
  expect(await ensure('x')).toBe('present');
  expect(lines).toEqual([
    'Normal Pulling Pulling image "x"',
    'Normal Pulled Successfully pulled image "x" in 0s (0s including waiting). Image size: 7 bytes.',
  ]);
  present.add('x');
  await ensure('x', 'IfNotPresent');
  expect(pulls).toHaveLength(1);
  await ensure('x', 'Always');
  expect(pulls).toHaveLength(2);
});

test('the credentials of a pull secret are used, one after another', async () => {
  const { ensure, inRegistry, pulls, secrets } = setUp();
  inRegistry.add('r.io/x');
  const auths = { 'r.io': { username: 'u', password: 'p' } };
  secrets.push({
    metadata: { name: 's' },
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  } as unknown as corev1.Secret);
  await ensure('r.io/x');
  expect(pulls).toEqual([{ reference: 'r.io/x', user: 'u' }]);
});
