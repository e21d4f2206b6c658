import { expect, test } from 'vitest';
import { detachKeys, parseDetachKeys } from './detach-keys.ts';

test.each([
  [undefined, [16, 17]],
  ['ctrl-a', [1]],
  ['a,ctrl-[', [97, 27]],
  ['ctrl-@,ctrl-_', [0, 31]],
])('%s is %j', (text, keys) => {
  expect(parseDetachKeys(text)).toEqual(keys);
});

test.each(['ctrl-A', 'ctrl-', 'ab', 'a,,b'])('refuses %s', (text) => {
  expect(() => parseDetachKeys(text)).toThrow(`Invalid escape keys (${text}) provided`);
});

function typed(...chunks: string[]): { passed: string; detached: number } {
  let detached = 0;
  const stream = detachKeys([16, 17], () => detached++);
  for (const chunk of chunks) stream.write(Buffer.from(chunk));
  return { passed: (stream.read() as Buffer | null)?.toString() ?? '', detached };
}

test('input is passed on without the keys, which may come in two pieces', () => {
  expect(typed('ab\x10', '\x11cd')).toEqual({ passed: 'ab', detached: 1 });
});

test('a beginning that goes on otherwise is passed on', () => {
  expect(typed('\x10x\x10\x10y')).toEqual({ passed: '\x10x\x10\x10y', detached: 0 });
});
