import { readFile } from 'node:fs/promises';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpTransport, httpTransport, readKubeconfig } from '../../src/client/index.ts';
import { type RunningServer, startServer } from './running-server.ts';

let running: RunningServer;
let transport: HttpTransport;

beforeAll(async () => {
  running = await startServer();
  const path = await running.kubeconfig({ commonName: 'orrery-admin', organizations: ['system:masters'] });
  transport = httpTransport(await readKubeconfig(await readFile(path, 'utf8')));
});

afterAll(async () => {
  transport?.close();
  await running?.stop();
});

async function create(
  resource: string,
  options: { bytes?: number; beforeReading?: () => Promise<unknown> } = {},
): Promise<number> {
  const data = { key: 'x'.repeat(options.bytes ?? 10) };
  const response = await transport.request({
    method: 'POST',
    path: `/api/v1/namespaces/default/${resource}`,
    query: new URLSearchParams({ dryRun: 'All' }),
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data })),
  });
  await options.beforeReading?.();
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  expect(() => JSON.parse(Buffer.concat(chunks).toString())).not.toThrow();
  return response.status;
}

describe('one connection to a real server', () => {
  test.each([
    ['at once', undefined],
    ['a turn later', () => nextTurn()],
    ['much later', () => delay(100)],
  ] as const)('an answer that came whole is read %s', async (_when, beforeReading) => {
    for (const bytes of [10, 100_000]) {
      const many = Array.from({ length: 30 }, () =>
        create('configmaps', { bytes, ...(beforeReading !== undefined && { beforeReading }) }),
      );
      expect(new Set(await Promise.all(many))).toEqual(new Set([201]));
    }
  });
});
