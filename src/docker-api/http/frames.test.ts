import { expect, test } from 'vitest';
import { encodeFrame, STREAM } from './frames.ts';

test('a frame is the stream, three zeros, the length big-endian, and the bytes', () => {
  expect(encodeFrame(STREAM.stderr, Buffer.from('no')).toString('hex')).toBe('02000000000000026e6f');
  expect(encodeFrame(STREAM.stdout, Buffer.alloc(0x010203)).subarray(0, 8).toString('hex')).toBe(
    '0100000000010203',
  );
});
