import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pauseProgram } from '../../src/libpod/pods/pause-program.ts';

test("a pod's pause program sleeps in a few kilobytes and ends at SIGTERM", async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pause-'));
  try {
    const path = join(folder, 'pause');
    await writeFile(path, pauseProgram(process.arch), { mode: 0o755 });
    const child = spawn(path, { stdio: 'ignore' });
    await once(child, 'spawn');
    const state = async () => await readFile(`/proc/${child.pid}/status`, 'utf8');
    await expect.poll(state).toMatch(/^State:\tS/m);
    expect(Number(/^VmRSS:\s+(\d+) kB/m.exec(await state())![1])).toBeLessThan(100);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('there is one for arm64 too, and none for what is unknown', () => {
  expect(pauseProgram('arm64').readUInt16LE(18)).toBe(183);
  expect(() => pauseProgram('mips')).toThrow('no pause program for mips');
});
