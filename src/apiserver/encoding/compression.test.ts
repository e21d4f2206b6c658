import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { ResponseBody } from '../http/messages.ts';
import { compressed } from './compression.ts';

const LARGE = new Uint8Array(200_000).fill(97);

function answer(body: ResponseBody, accept: string | undefined) {
  const headers: Record<string, string> = accept === undefined ? {} : { 'accept-encoding': accept };
  return compressed({ status: 200, headers: {}, body }, { method: 'GET', path: '/', headers });
}

test('a large answer is compressed for who takes it', async () => {
  const { headers, body } = await answer(LARGE, 'deflate, gzip;q=0.8');
  expect(headers).toEqual({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  expect(gunzipSync(body as Uint8Array)).toEqual(Buffer.from(LARGE));
});

test('a stream is compressed as it goes', async () => {
  async function* chunks() {
    yield LARGE;
    yield LARGE;
  }
  const { body } = await answer(chunks(), 'gzip');
  const parts: Uint8Array[] = [];
  for await (const part of body as AsyncIterable<Uint8Array>) parts.push(part);
  expect(gunzipSync(Buffer.concat(parts)).length).toBe(400_000);
});

test('a stream that breaks breaks the compressed one', async () => {
  // biome-ignore lint/correctness/useYield: it fails before it yields.
  async function* broken(): AsyncGenerator<Uint8Array> {
    throw new Error('the store is gone');
  }
  const { body } = await answer(broken(), 'gzip');
  await expect(async () => {
    for await (const _ of body as AsyncIterable<Uint8Array>);
  }).rejects.toThrow('the store is gone');
});

test.each([
  ['a small answer', new Uint8Array(1000), 'gzip'],
  ['a client that does not ask', LARGE, undefined],
  ['a client that refuses', LARGE, 'gzip;q=0'],
])('%s is left alone', async (_what, body, accept) => {
  expect((await answer(body, accept)).body).toBe(body);
});
