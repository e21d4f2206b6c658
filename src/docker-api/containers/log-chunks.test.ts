import { expect, test } from 'vitest';
import type { LogLine } from '../../libpod/index.ts';
import { logChunks } from './log-chunks.ts';

async function* lines(): AsyncGenerator<LogLine> {
  yield { time: '2024-01-01T01:00:00.5+01:00', stream: 'stdout', text: Buffer.from('a'), isPartial: false };
  yield { time: '2024-01-01T00:00:01Z', stream: 'stderr', text: Buffer.from('b'), isPartial: true };
}

async function text(options: Parameters<typeof logChunks>[1]): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of logChunks(lines(), options)) chunks.push(chunk.toString('latin1'));
  return chunks;
}

test('a line is a frame, with its newline when it had one', async () => {
  expect(await text({ tty: false, timestamps: false, stdout: true, stderr: true })).toEqual([
    '\x01\0\0\0\0\0\0\x02a\n',
    '\x02\0\0\0\0\0\0\x01b',
  ]);
});

test('a terminal has no frames, times are in UTC, streams can be left out', async () => {
  expect(await text({ tty: true, timestamps: true, stdout: true, stderr: false })).toEqual([
    '2024-01-01T00:00:00.5Z a\n',
  ]);
});
