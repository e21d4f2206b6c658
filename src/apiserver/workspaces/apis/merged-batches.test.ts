import { expect, test } from 'vitest';
import { merged } from './merged-batches.ts';

async function* numbers(...of: number[]): AsyncGenerator<number> {
  for (const one of of) yield one;
}

async function* never(signal: AbortSignal): AsyncGenerator<number> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  yield* [];
}

test('gives what either source gives, until one ends', async () => {
  const ending = new AbortController();
  const found: number[] = [];
  for await (const one of merged([numbers(1, 2, 3), never(ending.signal)])) found.push(one);
  expect(found).toEqual([1, 2, 3]);
  ending.abort();
});

test('throws what a source throws', async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error('gone');
  }
  const found: number[] = [];
  const read = async () => {
    for await (const one of merged([broken(), never(new AbortController().signal)])) found.push(one);
  };
  await expect(read()).rejects.toThrow('gone');
  expect(found).toEqual([1]);
});

test('asks for no more than is taken', async () => {
  let asked = 0;
  async function* counted(): AsyncGenerator<number> {
    for (;;) yield ++asked;
  }
  for await (const one of merged([counted()])) if (one === 3) break;
  expect(asked).toBeLessThanOrEqual(4);
});
