import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Conflict, OrreryError } from '../../base/index.ts';
import { removeLogs, rotateLog } from './log-rotation.ts';

let folder: string;
let logPath: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'orrery-logs-'));
  logPath = join(folder, '0.log');
  await writeFile(logPath, 'first');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const at = (second: number) => ({ now: () => Date.UTC(2026, 0, 2, 3, 4, second) });
const reopens = { reopenLog: () => writeFile(logPath, 'new', { flag: 'wx' }) };
const container = () => ({ id: 'x', logPath });

test('the old file bears the time, the new one its name', async () => {
  await rotateLog({ engine: reopens, clock: at(5) }, container());
  expect((await readdir(folder)).sort()).toEqual(['0.log', '0.log.20260102-030405.000']);
  expect(await readFile(`${logPath}.20260102-030405.000`, 'utf8')).toBe('first');
});

test('five files are kept, the newest; other containers’ logs are not touched', async () => {
  await writeFile(join(folder, '10.log'), 'another');
  await writeFile(join(folder, '0.log.tmp'), 'another');
  for (let second = 1; second <= 8; second++)
    await rotateLog({ engine: reopens, clock: at(second) }, container());
  const kept = [5, 6, 7, 8].map((second) => `0.log.20260102-03040${second}.000`);
  expect((await readdir(folder)).sort()).toEqual(['0.log', ...kept, '0.log.tmp', '10.log']);
});

test('a container that ended meanwhile keeps its log where it was', async () => {
  const ended = { reopenLog: () => Promise.reject(new Conflict('it has ended')) };
  await rotateLog({ engine: ended, clock: at(1) }, container());
  expect(await readdir(folder)).toEqual(['0.log']);
});

test('a log that could not be begun anew is put back, and that is told', async () => {
  const stuck = { reopenLog: () => Promise.reject(new OrreryError('LogReopenFailed', 'no')) };
  await expect(rotateLog({ engine: stuck, clock: at(1) }, container())).rejects.toThrow('no');
  expect(await readFile(logPath, 'utf8')).toBe('first');
});

test('a removed log takes its old files along', async () => {
  await rotateLog({ engine: reopens, clock: at(1) }, container());
  await removeLogs(logPath);
  await removeLogs(logPath);
  expect(await readdir(folder)).toEqual([]);
});
