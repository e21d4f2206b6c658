/**
 * Runs Podman's own system tests (4.3.1, from Debian's source package) against `orrery` linked as `podman`:
 *
 *     npm run podman-tests [-- FILE.bats…] [-- --podman PROGRAM] [-- --filter REGEX]
 *
 * Everything is fetched from Debian into a cache outside of the checkout. The output of each file is kept beside it.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
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
import { parseArgs, promisify } from 'node:util';
import { debianPackages } from '../foreign/packages.ts';
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
  'apache2-utils',
  'libaprutil1',
  'libapr1',
]);
const data = resolve(values.data ?? join(cache, 'data'));
const podman = values.podman ?? linkedAsPodman();
const environment: NodeJS.ProcessEnv = {
  ...process.env,
  // Some tests say plain `podman`.
  PATH: [dirname(podman), join(tools, 'usr/bin'), process.env.PATH].join(delimiter),
  LD_LIBRARY_PATH: `${join(tools, 'usr/lib/x86_64-linux-gnu')}${delimiter}${join(tools, 'usr/lib/aarch64-linux-gnu')}`,
  ORRERY_DATA_DIR: data,
  PODMAN: podman,
  BATS_LIBEXEC: '',
};
const busybox = join(tools, 'bin/busybox');
const mirror = await startMirror({ podman: linkedAsPodman(), cache, busybox, environment });
environment.CONTAINERS_REGISTRIES_CONF = mirror.registriesConf;

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
  await promisify(execFile)(podman, ['pull', '-q', TEST_IMAGE], { env: environment });
  mkdirSync(join(cache, 'output'), { recursive: true });
  const output = join(cache, 'output', `${file}.tap`);
  const to = createWriteStream(output);
  const bats = join(tools, 'usr/bin/bats');
  const program = existsSync('/usr/bin/bats') ? '/usr/bin/bats' : bats;
  const filter = values.filter === undefined ? [] : ['--filter', values.filter];
  const child = spawn('timeout', [String(FILE_TIMEOUT_S), program, '--tap', ...filter, file], {
    cwd: system,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.pipe(to, { end: false });
  child.stderr.pipe(to, { end: false });
  await once(child, 'close');
  to.end();
  await once(to, 'finish');
  return readFileSync(output, 'utf8');
}

/** `dist/bin/orrery` under the name that makes it speak as Podman. */
function linkedAsPodman(): string {
  const folder = join(cache, 'bin');
  mkdirSync(folder, { recursive: true });
  const link = join(folder, 'podman');
  rmSync(link, { force: true });
  symlinkSync(resolve(import.meta.dirname, '../../dist/bin/orrery'), link);
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
