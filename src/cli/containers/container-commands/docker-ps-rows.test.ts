import { expect, test } from 'vitest';
import type { ContainerInspect, ContainerListEntry } from '../../../libpod/index.ts';
import { goJson } from '../../templates/go-json.ts';
import { dockerPsRow } from './docker-ps-rows.ts';

const now = Date.parse('2026-03-01T12:00:00Z');
const entry = {
  ...{
    id: 'ab'.repeat(32),
    name: 'web',
    image: 'docker.io/library/nginx:1',
    imageId: 'x',
    status: 'running',
  },
  command: ['sh', '-c', 'sleep 1000; echo done'],
  ...{ createdAt: '2026-03-01T11:57:00.5Z', startedAt: '2026-03-01T11:58:00Z', labels: { b: '2', a: '1' } },
  ports: [{ hostIp: '', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
  networks: [{ name: 'podman', addresses: [], aliases: [] }],
} as unknown as ContainerListEntry;
const mounts = [
  { type: 'volume', name: 'a-volume-of-a-long-name', source: '/x' },
  { type: 'bind', source: '/srv' },
] as unknown as ContainerInspect['mountPoints'];

test("a row of docker ps is text in Docker's words, its JSON in one line", () => {
  const row = dockerPsRow(entry, mounts, { noTrunc: false, now });
  expect(JSON.parse(goJson(row))).toEqual({
    Command: '"sh -c sleep 1000; e…"',
    CreatedAt: '2026-03-01 11:57:00 +0000 UTC',
    ID: 'abababababab',
    Image: 'nginx:1',
    Labels: 'a=1,b=2',
    LocalVolumes: '1',
    Mounts: 'a-volume-of-a-…,/srv',
    Names: 'web',
    Networks: 'bridge',
    Ports: '0.0.0.0:8080->80/tcp',
    RunningFor: '2 minutes ago',
    Size: '0B',
    State: 'running',
    Status: 'Up 2 minutes',
  });
});

test('nothing is cut off when that is asked for', () => {
  const row = dockerPsRow(entry, mounts, { noTrunc: true, now }) as Record<string, unknown>;
  expect(row).toMatchObject({
    Command: '"sh -c sleep 1000; echo done"',
    ID: 'ab'.repeat(32),
    Mounts: 'a-volume-of-a-long-name,/srv',
  });
});
