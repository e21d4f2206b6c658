import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cloud, checkout, createCloud } from '../harness/cloud.ts';

const execute = promisify(execFile);
let cloud: Cloud;
let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  cloud = await createCloud();
  const flags = cloud.upFlags.filter((_, i, all) => !`${all[i - 1]} ${all[i]}`.includes('--node-port'));
  await cloud.orrery('server', '--detach', ...flags);
  folder = mkdtempSync(join(cloud.dataDirectory, 'tour-'));
  mkdirSync(join(folder, 'bin'));
  symlinkSync(join(checkout, 'dist', 'bin', 'orrery'), join(folder, 'bin', 'orrery'));
  symlinkSync(join(checkout, 'examples'), join(folder, 'examples'));
  env = {
    ...process.env,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
    HOME: folder,
    KUBECONFIG: cloud.kubeconfig,
    ORRERY_DATA_DIR: cloud.dataDirectory,
  };
}, 60_000);

afterAll(async () => {
  await cloud.destroy();
});

/** The commands of a section, with what README says they print. */
function tour(section: string): { command: string; output: string }[] {
  const text = readFileSync(join(checkout, 'README.md'), 'utf8');
  const whole = text.slice(text.indexOf(`## ${section}`)).split('\n## ')[0]!;
  const blocks = whole.split('```').filter((_, i) => i % 2 === 1);
  return blocks.flatMap((block) =>
    block
      .split('\n$ ')
      .slice(1)
      .map((step) => {
        const [command = '', ...output] = step.split('\n');
        return { command, output: output.join('\n').trim() };
      }),
  );
}

/** Names of logical clusters differ from run to run. */
function words(text: string): string {
  return text.replace(/\b[0-9a-z]{16}\b/g, '<cluster>').trim();
}

test('README: many teams in one, as printed', { timeout: 120_000 }, async () => {
  const steps = tour('Many teams in one');
  expect(steps.length).toBeGreaterThan(15);
  for (const { command, output } of steps) {
    const { stdout } = await execute('bash', ['-c', command], { env, cwd: folder, timeout: 60_000 });
    expect(words(stdout), command).toBe(words(output));
  }
});
