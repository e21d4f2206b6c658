import { expect, test } from 'vitest';
import { DetachFilter, parseDetachKeys } from './detach-keys.ts';

async function filter(keys: string, chunks: string[]): Promise<{ output: string; isDetached: boolean }> {
  let isDetached = false;
  const stream = new DetachFilter(parseDetachKeys(keys), () => {
    isDetached = true;
    stream.end();
  });
  for (const chunk of chunks) if (!isDetached) stream.write(chunk);
  if (!isDetached) stream.end();
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  return { output: Buffer.concat(parts).toString(), isDetached };
}

test('the keys detach, also when they come in two chunks, and are not passed on', async () => {
  expect(await filter('ctrl-p,ctrl-q', ['ab\x10\x11cd'])).toEqual({ output: 'ab', isDetached: true });
  expect(await filter('ctrl-p,ctrl-q', ['ab\x10', '\x11'])).toEqual({ output: 'ab', isDetached: true });
});

test('half of the keys is input like any other', async () => {
  expect(await filter('ctrl-p,ctrl-q', ['a\x10b'])).toEqual({ output: 'a\x10b', isDetached: false });
  expect(await filter('ctrl-p,ctrl-q', ['a\x10'])).toEqual({ output: 'a\x10', isDetached: false });
  expect(await filter('ctrl-p,ctrl-q', ['\x10\x10\x11'])).toEqual({ output: '\x10', isDetached: true });
});

test('no keys detach nothing', async () => {
  expect(await filter('', ['a\x10\x11'])).toEqual({ output: 'a\x10\x11', isDetached: false });
});

test('what is no key is refused', () => {
  expect(() => parseDetachKeys('ctrl-1')).toThrow("invalid detach keys: Unknown character: 'ctrl-1'");
});
