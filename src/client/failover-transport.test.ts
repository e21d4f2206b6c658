import { expect, test } from 'vitest';
import { failoverTransport } from './failover-transport.ts';
import type { HttpTransport } from './http-transport.ts';
import { Unreachable } from './status-error.ts';

/** A server that answers with its number, or fails as told. */
function servers(...states: (string | undefined)[]) {
  const asked: number[] = [];
  const transports = states.map(
    (_, index): HttpTransport => ({
      request: async () => {
        asked.push(index);
        const code = states[index];
        if (code !== undefined) throw new Unreachable('down', Object.assign(new Error(code), { code }));
        return { status: index, headers: {}, body: new Uint8Array() };
      },
      close: () => undefined,
    }),
  );
  return { states, asked, transport: failoverTransport(transports as [HttpTransport, ...HttpTransport[]]) };
}

const get = { method: 'GET', path: '/' } as const;

test('stays with the server that answers', async () => {
  const { asked, transport } = servers(undefined, undefined);
  await transport.request(get);
  await transport.request(get);
  expect(asked).toEqual([0, 0]);
});

test('a request that could not be sent goes to the next server, and so do those after it', async () => {
  const { asked, transport } = servers('ECONNREFUSED', undefined);
  expect((await transport.request(get)).status).toBe(1);
  await transport.request(get);
  expect(asked).toEqual([0, 1, 1]);
});

test('a request that may have been executed fails; the one after it goes to the next server', async () => {
  const { asked, transport } = servers('ECONNRESET', undefined);
  await expect(transport.request(get)).rejects.toThrow(Unreachable);
  expect((await transport.request(get)).status).toBe(1);
  expect(asked).toEqual([0, 1]);
});

test('each server is tried once; a later request finds the one that is back', async () => {
  const { states, asked, transport } = servers('ECONNREFUSED', 'ECONNREFUSED');
  await expect(transport.request(get)).rejects.toThrow(Unreachable);
  expect(asked).toEqual([0, 1]);
  states[0] = undefined;
  expect((await transport.request(get)).status).toBe(0);
});
