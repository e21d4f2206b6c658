/**
 * Runs Podman's own system tests (4.3.1, from Debian's source package) against `orrery` linked as `podman`:
 *
 *     npm run podman-tests [-- FILE.bats…] [-- --podman PROGRAM] [-- --filter REGEX] [-- --user]
 *
 * `--user` runs them as an ordinary user that root makes for it, who may open /dev/net/tun as on most hosts.
 * Everything is fetched from Debian into a cache outside of the checkout. The output of each file is kept beside it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { debianPackages } from '../foreign/packages.ts';
import { ordinaryUser } from '../harness/ordinary-user.ts';
import { startMirror } from './mirror.ts';
import { TEST_IMAGE } from './test-image.ts';

const MIRROR = 'http://deb.debian.org/debian';
/** Those that need systemd, ssh, a registry of the world, CRIU, SELinux or checkpoints. */
const NOT_HERE = /^(?:250|255|260|270|410|520|900)-/;
const FILE_TIMEOUT_S = 1200;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cache: { type: 'string', default: join(tmpdir(), 'orrery-podman-tests') },
    podman: { type: 'string' },
    data: { type: 'string' },
    filter: { type: 'string' },
    user: { type: 'boolean', default: false },
  },
});
const cache = resolve(values.cache);
mkdirSync(cache, { recursive: true });
const source = podmanSource();
const system = join(source, 'test', 'system');
const tools = debianPackages(cache, 'tools', [
  'bats',
  'busybox-static',
  'jq',
  'libjq1',
  'libonig5',
  'socat',
  'libwrap0',
  'apache2-utils',
  'libaprutil1',
  'libapr1',
]);
const busybox = join(tools, 'bin/busybox');
const own = linkedAsPodman(resolve(import.meta.dirname, '../..'), 'bin');
const libraries = `${join(tools, 'usr/lib/x86_64-linux-gnu')}${delimiter}${join(tools, 'usr/lib/aarch64-linux-gnu')}`;
const mirror = await startMirror({
  ...{ podman: own, cache, busybox },
  environment: { ...process.env, LD_LIBRARY_PATH: libraries },
});
const user = values.user ? await ordinaryUser() : undefined;
// The tests know paths of small letters only.
const data = user ? join(tmpdir(), `${user.name}-data`) : resolve(values.data ?? join(cache, 'data'));
// The checkout may lie where only root goes.
const podman =
  values.podman ?? (user ? linkedAsPodman(resolve(user.program[1]!, '../..'), 'bin-of-user') : own);
const added: NodeJS.ProcessEnv = {
  // Some tests say plain `podman`.
  PATH: [dirname(podman), linkedAsNc(), join(tools, 'usr/bin'), process.env.PATH].join(delimiter),
  LD_LIBRARY_PATH: libraries,
  ORRERY_DATA_DIR: data,
  CONTAINERS_REGISTRIES_CONF: mirror.registriesConf,
  PODMAN: podman,
  BATS_LIBEXEC: '',
};

const total = { ok: 0, failed: 0, skipped: 0 };
for (const file of chosenFiles()) {
  const text = await runFile(file);
  const lines = text.split('\n');
  const skipped = lines.filter((line) => /^ok \d+ .*# skip/.test(line)).length;
  const ok = lines.filter((line) => /^ok \d+ /.test(line)).length - skipped;
  const failed = lines.filter((line) => /^not ok \d+ /.test(line));
  console.log(`${file}: ${ok} passed, ${failed.length} failed, ${skipped} skipped`);
  for (const line of failed) console.log(`  ${line}`);
  total.ok += ok;
  total.failed += failed.length;
  total.skipped += skipped;
}
await mirror.stop();
await user?.dispose();
if (user) rmSync(data, { recursive: true, force: true });
console.log(
  `\n${total.ok} passed, ${total.failed} failed, ${total.skipped} skipped; output in ${join(cache, 'output')}`,
);

function chosenFiles(): string[] {
  const all = readdirSync(system).filter((file) => file.endsWith('.bats'));
  if (positionals.length === 0) return all.filter((file) => !NOT_HERE.test(file)).sort();
  return all
    .filter((file) => positionals.some((wanted) => file.startsWith(basename(wanted, '.bats'))))
    .sort();
}

async function runFile(file: string): Promise<string> {
  // The file before may have removed it; pulled, it has the registry's digest.
  const pull = started([podman, 'pull', '-q', TEST_IMAGE]);
  pull.stdout!.resume();
  pull.stderr!.pipe(process.stderr);
  await once(pull, 'close');
  mkdirSync(join(cache, 'output'), { recursive: true });
  const output = join(cache, 'output', `${file}.tap`);
  const to = createWriteStream(output);
  const bats = join(tools, 'usr/bin/bats');
  const program = existsSync('/usr/bin/bats') ? '/usr/bin/bats' : bats;
  const filter = values.filter === undefined ? [] : ['--filter', values.filter];
  const child = started(['timeout', String(FILE_TIMEOUT_S), program, '--tap', ...filter, file]);
  child.stdout!.pipe(to, { end: false });
  child.stderr!.pipe(to, { end: false });
  await once(child, 'close');
  to.end();
  await once(to, 'finish');
  return readFileSync(output, 'utf8');
}

/** A program where the tests are, as whom they run. */
function started(command: readonly string[]): ChildProcess {
  const child = user
    ? user.start(command, { cwd: system, env: added as Record<string, string>, withTun: true })
    : spawn(command[0]!, command.slice(1), { cwd: system, env: { ...process.env, ...added } });
  child.stdin!.end();
  return child;
}

/** `dist/bin/orrery` under the name that makes it speak as Podman. */
function linkedAsPodman(checkout: string, folder: string): string {
  return linked(folder, 'podman', join(checkout, 'dist/bin/orrery'));
}

/** @returns the folder, for a PATH */
function linkedAsNc(): string {
  return dirname(linked('programs', 'nc', busybox));
}

function linked(folder: string, name: string, to: string): string {
  const link = join(cache, folder, name);
  mkdirSync(dirname(link), { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(to, link);
  return link;
}

/** Debian's source package, unpacked. */
function podmanSource(): string {
  const folder = join(cache, 'libpod');
  if (existsSync(join(folder, 'done'))) return join(folder, 'source');
  mkdirSync(join(folder, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(folder, 'source'), { recursive: true });
  writeFileSync(join(folder, 'sources.list'), `deb-src ${MIRROR} bookworm main\n`);
  const own = [
    ...['-o', `Dir::Etc::sourcelist=${join(folder, 'sources.list')}`, '-o', 'Dir::Etc::sourceparts=-'],
    ...['-o', `Dir::State::lists=${join(folder, 'lists')}`],
  ];
  const run = (args: string[]) =>
    execFileSync('apt-get', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  run([...own, 'update']);
  run([...own, 'source', '--download-only', 'libpod']);
  const archive = readdirSync(folder).find((name) => /\.orig\.tar\.xz$/.test(name))!;
  execFileSync('tar', ['xf', archive, '-C', 'source', '--strip-components=1'], { cwd: folder });
  mkdirSync(join(folder, 'done'));
  return join(folder, 'source');
}
