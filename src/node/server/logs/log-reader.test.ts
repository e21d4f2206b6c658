import { appendFile, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LogOptions, parseLogOptions } from './log-options.ts';
import { readLog } from './log-reader.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-log-'));
  path = join(folder, '0.log');
});
afterEach(() => rm(folder, { recursive: true }));

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.5+00:00`;
const record = (second: number, stream: string, tag: string, text: string) =>
  `${at(second)} ${stream} ${tag} ${text}\n`;

const never = new Promise<void>(() => undefined);

async function read(query: string, options: { ended?: Promise<void>; signal?: AbortSignal } = {}) {
  const file = await open(path);
  let out = '';
  try {
    const logOptions: LogOptions = parseLogOptions(new URLSearchParams(query), Date.parse(at(10)));
    const source = { path, file, ended: options.ended ?? never };
    for await (const piece of readLog(source, logOptions, options.signal ?? new AbortController().signal))
      out += piece.data.toString();
  } finally {
    await file.close();
  }
  return out;
}

/** Follows in the background; `seen()` is what came so far. */
function follow(query = 'follow=true') {
  const end = Promise.withResolvers<void>();
  let out = '';
  const done = (async () => {
    await using file = await open(path);
    const options = parseLogOptions(new URLSearchParams(query), 0);
    for await (const piece of readLog(
      { path, file, ended: end.promise },
      options,
      new AbortController().signal,
    ))
      out += piece.data.toString();
  })();
  return { seen: () => out, end: end.resolve, done };
}

const SAMPLE = [
  record(1, 'stdout', 'F', 'one'),
  record(2, 'stderr', 'F', 'two'),
  record(3, 'stdout', 'P', 'thr'),
  record(4, 'stdout', 'F', 'ee'),
  record(5, 'stdout', 'F', 'four'),
].join('');

test.each([
  ['', 'one\ntwo\nthree\nfour\n'],
  ['tailLines=2', 'three\nfour\n'],
  ['tailLines=0', ''],
  ['tailLines=99', 'one\ntwo\nthree\nfour\n'],
  ['tailLines=3&stream=Stdout', 'one\nthree\nfour\n'],
  ['stream=Stderr', 'two\n'],
  ['sinceTime=2026-01-01T00:00:03Z', 'three\nfour\n'],
  ['sinceSeconds=5', 'four\n'],
  ['limitBytes=6', 'one\ntw'],
  ['tailLines=1&timestamps=true', '2026-01-01T00:00:05.500000000Z four\n'],
  ['tailLines=2&timestamps=true&limitBytes=36', '2026-01-01T00:00:03.500000000Z three'],
])('%s', async (query, expected) => {
  await writeFile(path, SAMPLE);
  expect(await read(query)).toBe(expected);
});

test('an unfinished line counts as the last line', async () => {
  await writeFile(path, SAMPLE + record(6, 'stdout', 'P', '$ '));
  expect(await read('tailLines=1')).toBe('$ ');
  expect(await read('tailLines=2')).toBe('four\n$ ');
});

test('a record without its newline and a line that is no record do not stop the reading', async () => {
  await writeFile(path, `garbage\n${SAMPLE}${at(6)} stdout F cut sho`);
  expect(await read('tailLines=2')).toBe('four\ncut sho\n');
});

test('tail of any count equals the last lines of the whole, at any block boundary', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 60 }),
      fc.nat(70),
      async (lengths, lines) => {
        await writeFile(
          path,
          lengths.map((length, i) => record(i % 60, 'stdout', 'F', 'x'.repeat(length))).join(''),
        );
        const all = (await read('')).split('\n').slice(0, -1);
        const expected = lines === 0 ? [] : all.slice(-lines);
        expect(await read(`tailLines=${lines}`)).toBe(expected.map((line) => `${line}\n`).join(''));
      },
    ),
    { numRuns: 25 },
  );
});

test('follows what is appended and ends when the container has ended and all is read', async () => {
  await writeFile(path, SAMPLE);
  const log = follow('follow=true&tailLines=1');
  await expect.poll(log.seen).toBe('four\n');
  await appendFile(path, record(6, 'stdout', 'F', 'five'));
  await expect.poll(log.seen).toBe('four\nfive\n');
  await appendFile(path, record(7, 'stdout', 'F', 'last'));
  log.end();
  await log.done;
  expect(log.seen()).toBe('four\nfive\nlast\n');
});

test('follows over a rotation without losing or repeating a line', async () => {
  await writeFile(path, record(1, 'stdout', 'F', 'a'));
  const log = follow();
  await expect.poll(log.seen).toBe('a\n');
  await rename(path, `${path}.20260101-000000`);
  await appendFile(`${path}.20260101-000000`, record(2, 'stdout', 'F', 'b'));
  await expect.poll(log.seen).toBe('a\nb\n');
  await writeFile(path, record(3, 'stdout', 'F', 'c'));
  await expect.poll(log.seen).toBe('a\nb\nc\n');
  await appendFile(path, record(4, 'stdout', 'F', 'd'));
  log.end();
  await log.done;
  expect(log.seen()).toBe('a\nb\nc\nd\n');
});

test('begins again when the log is cut short', async () => {
  await writeFile(path, SAMPLE);
  const log = follow('follow=true&tailLines=1');
  await expect.poll(log.seen).toBe('four\n');
  await writeFile(path, record(1, 'stdout', 'F', 'new'));
  await expect.poll(log.seen).toBe('four\nnew\n');
  log.end();
  await log.done;
});

test.each([
  ['tailLines=-1', 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
  ['limitBytes=0', 'limitBytes: Invalid value: 0: must be greater than 0'],
  [
    'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
    'at most one of `sinceTime` or `sinceSeconds` may be specified',
  ],
  ['sinceTime=yesterday', 'sinceTime: Invalid value: "yesterday"'],
  ['stream=stdin', 'invalid stream type "stdin"'],
])('refuses %s by name', (query, message) => {
  expect(() => parseLogOptions(new URLSearchParams(query), 0)).toThrow(message);
});
