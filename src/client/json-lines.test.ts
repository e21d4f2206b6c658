import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJsonLines } from './json-lines.ts';

async function decode(chunks: Uint8Array[]): Promise<unknown[]> {
  const values: unknown[] = [];
  async function* stream() {
    yield* chunks;
  }
  for await (const value of decodeJsonLines(stream())) values.push(value);
  return values;
}

test('gives the same values however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.json()), fc.array(fc.nat(40)), async (documents, cuts) => {
      const bytes = Buffer.from(
        documents.map((document) => `${JSON.stringify(JSON.parse(document))}\n`).join(''),
      );
      const chunks: Uint8Array[] = [];
      let start = 0;
      for (const cut of cuts) {
        chunks.push(bytes.subarray(start, start + cut));
        start += cut;
      }
      chunks.push(bytes.subarray(Math.min(start, bytes.length)));
      expect(await decode(chunks)).toEqual(
        documents.map((document) => JSON.parse(JSON.stringify(JSON.parse(document)))),
      );
    }),
    { numRuns: 100 },
  );
});

test('drops a part line at the end, skips empty ones and fails on a broken one', async () => {
  expect(await decode([Buffer.from('{"a":1}\n\r\n\n{"b"')])).toEqual([{ a: 1 }]);
  await expect(decode([Buffer.from('{"a"\n')])).rejects.toThrow(SyntaxError);
});
