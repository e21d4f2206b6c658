import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkout } from '../harness/cloud.ts';

const execute = promisify(execFile);
const isRoot = process.geteuid!() === 0;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-tour-'));
  mkdirSync(join(folder, 'bin'));
  symlinkSync(join(checkout, 'dist', 'bin', 'orrery'), join(folder, 'bin', 'orrery'));
  env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
    ORRERY_DATA_DIR: join(folder, 'data'),
  };
});

afterAll(async () => {
  if (isRoot) await run('orrery system reset --force');
  rmSync(folder, { recursive: true, force: true });
});

async function run(line: string): Promise<string> {
  const { stdout } = await execute('bash', ['-c', line], { env, cwd: checkout, timeout: 60_000 });
  return stdout;
}

/** The commands of a section's first block, with what README says they print. */
function tour(section: string): { command: string; output: string }[] {
  const text = readFileSync(join(checkout, 'README.md'), 'utf8');
  const block = text.slice(text.indexOf(`## ${section}`)).split('```')[1]!;
  return block
    .split('\n$ ')
    .slice(1)
    .map((step) => {
      const [command = '', ...output] = step.split('\n');
      return { command, output: output.join('\n').trim() };
    });
}

/** Ids, and the width of columns, differ from run to run. */
function wordsOf(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, '')
    .replace(/ {2,}/g, '  ')
    .trim();
}

/** A server that has just been started may not listen yet: a person types slower. */
async function fetched(url: string): Promise<string> {
  for (;;) {
    try {
      return await (await fetch(`http://${url}`)).text();
    } catch {
      await new Promise((again) => setTimeout(again, 50));
    }
  }
}

test.skipIf(!isRoot)('README: containers alone, as printed', { timeout: 120_000 }, async () => {
  for (const { command, output } of tour('Containers alone')) {
    if (command.includes('fetch("http://db'))
      await expect.poll(() => run('orrery logs db')).toContain('db listens');
    const said = command.startsWith('curl ')
      ? await fetched(command.slice('curl '.length))
      : await run(command.replace('> pod.yaml', `> ${join(folder, 'pod.yaml')}`));
    expect(wordsOf(said), command).toContain(wordsOf(output.split('\n')[0]!));
  }
  expect(readFileSync(join(folder, 'pod.yaml'), 'utf8')).toContain('kind: Pod');
});
