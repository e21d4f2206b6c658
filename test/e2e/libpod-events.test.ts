import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileEvents } from '../../src/libpod/events/file-events.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'events-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const about = (Name: string) => ({ Type: 'container', Status: 'start', ID: 'ab12', Name });

async function namesOf(events: FileEvents): Promise<string[]> {
  const names: string[] = [];
  for await (const event of events.read({})) names.push(event.Name);
  return names;
}

test('events of a file that is not there are none', async () => {
  expect(await namesOf(new FileEvents({ path: join(folder, 'deep/events') }))).toEqual([]);
});

test('what a killed writer left half-written hides no event', async () => {
  const path = join(folder, 'events');
  const events = new FileEvents({ path });
  await events.append(about('one'));
  await appendFile(path, '{"Name":"torn","Sta');
  await events.append(about('two'));
  expect(await namesOf(events)).toEqual(['one', 'two']);
});

test('past its limit the file keeps its newer half and says so', async () => {
  const path = join(folder, 'events');
  const unlimited = new FileEvents({ path, limitBytes: 0 });
  for (let number = 0; number < 100; number++)
    await unlimited.append(about(`e${String(number).padStart(2, '0')}`));
  const before = (await readFile(path, 'utf8')).length;
  await new FileEvents({ path, limitBytes: before }).append(about('last'));
  const names = await namesOf(unlimited);
  expect(names.slice(-2)).toEqual([path, 'last']);
  expect(names).toContain('e60');
  expect(names).not.toContain('e40');
});

// Four at a time, so that the follower misses no generation of the small file: what is rotated away twice is gone.
test('a follower sees events of another process, once each, also across a rotation', async () => {
  const path = join(folder, 'events');
  const mine = new FileEvents({ path });
  await mine.append(about('before'));
  const abort = new AbortController();
  const seen: string[] = [];
  const module = join(import.meta.dirname, '../../src/libpod/events/file-events.ts');
  const script = `const { FileEvents } = await import(${JSON.stringify(module)});
    const events = new FileEvents({ path: ${JSON.stringify(path)}, limitBytes: 1500 });
    let next = 0;
    process.stdin.on('data', async () => {
      for (const end = next + 4; next < end; next++)
        await events.append({ Type: 'container', Status: 'start', ID: 'ab12', Name: 'w' + String(next).padStart(2, '0') });
      if (next === 40) process.exit(0);
    });
    process.stdout.write('ready');`;
  const writer = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const done = (async () => {
    for await (const event of mine.read({ follow: true, signal: abort.signal })) {
      if (event.Type === 'container') seen.push(event.Name);
      if (event.Name === 'w39') abort.abort();
      else if (Number(event.Name.slice(1)) % 4 === 3) writer.stdin.write('go');
    }
  })();
  await once(writer.stdout, 'data');
  writer.stdin.write('go');
  await done;
  expect(seen).toEqual(Array.from({ length: 40 }, (_, number) => `w${String(number).padStart(2, '0')}`));
});

test('a reader with an end in time stops there', async () => {
  const events = new FileEvents({ path: join(folder, 'events') });
  await events.append(about('one'));
  const names: string[] = [];
  for await (const event of events.read({ follow: true, untilMs: Date.now() + 200 })) names.push(event.Name);
  expect(names).toEqual(['one']);
});

test('without a backend nothing is written, and reading is refused', async () => {
  const events = new FileEvents({ path: join(folder, 'events'), backend: 'none' });
  await events.append(about('one'));
  await expect(namesOf(events)).rejects.toThrow('cannot read events with the "none" backend');
});
