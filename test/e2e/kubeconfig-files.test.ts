import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KubeconfigFiles } from '../../src/cli/workspaces/kubeconfig-files.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'orrery-kubeconfig-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

const one = () =>
  write(
    'one',
    `# first
clusters:
- name: a
  cluster: { server: https://one, certificate-authority: ca.pem }
contexts:
- name: a
  context: { cluster: a, user: u }
`,
  );
const two = () =>
  write(
    'two',
    `# second
current-context: b
clusters:
- name: a
  cluster: { server: https://two }
- name: b
  cluster: { server: https://two }
`,
  );

test('of several files the first that has an entry counts, and files are named from where they stand', async () => {
  const files = await KubeconfigFiles.load({
    variable: `${one()}:${join(folder, 'gone')}:${two()}`,
    defaults: [],
  });
  expect(files.currentContext).toBe('b');
  expect(files.find('clusters', 'a')).toEqual({
    server: 'https://one',
    'certificate-authority': join(folder, 'ca.pem'),
  });
  expect(files.find('clusters', 'b')).toEqual({ server: 'https://two' });
});

test('a change goes to the file that has the entry, or the one it is a copy of; the rest to the first', async () => {
  const [first, second] = [one(), two()];
  const files = await KubeconfigFiles.load({ variable: `${first}:${second}`, defaults: [] });
  await files.change(
    {
      currentContext: 'a',
      clusters: { b: { server: 'https://three' }, copy: { server: 'https://four' } },
      users: { u: { token: 't' } },
    },
    { 'clusters/copy': 'b' },
  );
  expect(readFileSync(first, 'utf8')).toBe(
    `# first
clusters:
- name: a
  cluster: { server: https://one, certificate-authority: ca.pem }
contexts:
- name: a
  context: { cluster: a, user: u }
users:
- name: u
  user:
    token: t
current-context: a
`,
  );
  expect(readFileSync(second, 'utf8')).toBe(
    `# second
current-context: b
clusters:
- name: a
  cluster: { server: https://two }
- name: b
  cluster:
    server: https://three
- name: copy
  cluster:
    server: https://four
`,
  );
});

test('a copy in the same folder names files as its original does', async () => {
  const path = one();
  const files = await KubeconfigFiles.load({ explicit: path, defaults: [] });
  await files.change({ clusters: { copy: files.find('clusters', 'a')! } });
  expect(readFileSync(path, 'utf8')).toContain('certificate-authority: ca.pem\n');
});

test('mode and link of a file stay', async () => {
  const real = one();
  chmodSync(real, 0o640);
  const link = join(folder, 'link');
  symlinkSync(real, link);
  const files = await KubeconfigFiles.load({ explicit: link, defaults: [] });
  await files.change({ currentContext: 'a' });
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(statSync(real).mode & 0o777).toBe(0o640);
  expect(readFileSync(real, 'utf8')).toContain('current-context: a');
  expect(existsSync(`${real}.lock`)).toBe(false);
});

test('a new file is for its owner only', async () => {
  const path = join(folder, 'deep', 'config');
  const files = await KubeconfigFiles.load({ defaults: [path] });
  expect(files.hasContexts).toBe(false);
  await files.change({ contexts: { a: { cluster: 'a' } } });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('what another program is changing is left alone', { timeout: 10_000 }, async () => {
  const path = one();
  const before = readFileSync(path, 'utf8');
  writeFileSync(`${path}.lock`, '');
  const files = await KubeconfigFiles.load({ explicit: path, defaults: [] });
  await expect(files.change({ currentContext: 'a' })).rejects.toThrow('is being changed by another program');
  expect(readFileSync(path, 'utf8')).toBe(before);
  rmSync(`${path}.lock`);
  await files.change({ currentContext: 'a' });
});

test('a named file that is not there, and one that is no kubeconfig, are told by name', async () => {
  const gone = join(folder, 'gone');
  await expect(KubeconfigFiles.load({ explicit: gone, defaults: [] })).rejects.toThrow(
    `stat ${gone}: no such file or directory`,
  );
  const bad = write('bad', 'a: [');
  await expect(KubeconfigFiles.load({ variable: bad, defaults: [] })).rejects.toThrow(
    `error loading config file "${bad}"`,
  );
});
