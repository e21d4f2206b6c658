// What `npm start` and `npm test` need before the product's own program can run: npm dependencies, the
// build, system packages. Each is done only when it is missing or stale. Plain JavaScript for any Node ≥ 18.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { step } from './progress.mjs';
import { checkout, runtime } from './runtime.mjs';

/** A step failed in a way the user can act on. */
export class InstallError extends Error {
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/** Runs a program quietly; its last words come back in the error. */
function run(file, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: checkout, ...options });
    let tail = '';
    const keep = (chunk) => {
      tail = (tail + chunk).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0
        ? resolve()
        : reject(
            new InstallError(`${file} ${args[0]} failed:\n${tail.trim().split('\n').slice(-12).join('\n')}`),
          ),
    );
  });
}

export function checkHostCanRun() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 18)
    throw new InstallError(
      `Node ${process.versions.node} is too old to begin with`,
      'install Node 18 or newer (Debian 12 has it: apt-get install nodejs npm)',
    );
  if (process.platform !== 'linux')
    throw new InstallError(
      `Orrery runs on Linux, this is ${process.platform}`,
      'use a Linux machine or a virtual one',
    );
  if (process.arch !== 'x64' && process.arch !== 'arm64')
    throw new InstallError(`Orrery runs on x64 and arm64, this is ${process.arch}`);
}

/**
 * npm dependencies exactly as in the lock file. `all` brings the development ones too (tests, compiler).
 * A stamp in node_modules tells what stands there, so that a second start installs nothing.
 */
export async function installDependencies({ all }) {
  const lock = createHash('sha256')
    .update(readFileSync(join(checkout, 'package-lock.json')))
    .digest('hex');
  const stampFile = join(checkout, 'node_modules', '.orrery-installed.json');
  const stamp = readJson(stampFile);
  if (stamp?.lock === lock && (stamp.all || !all) && runtime() !== undefined) return false;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...(all ? [] : ['--omit=dev'])];
  const npm = process.env.npm_execpath;
  // Under `npm start` the environment carries npm's own settings (NODE_ENV, prefixes); they stay valid for `npm ci`.
  await step(`installing npm dependencies${all ? '' : ' and Node 24'}`, () =>
    npm?.endsWith('.js') ? run(process.execPath, [npm, ...args]) : run('npm', args),
  );
  if (runtime() === undefined)
    throw new InstallError(
      `npm brought no Node 24 for ${process.arch}`,
      'check that optional dependencies are not disabled (npm config get omit)',
    );
  writeFileSync(stampFile, JSON.stringify({ lock, all }) + '\n');
  return true;
}

/** Bundles src/ into dist/ when a source file changed since. */
export async function build() {
  // The launcher names the runtime by its path.
  const hash = createHash('sha256')
    .update(runtime())
    .update(readFileSync(join(checkout, 'package-lock.json')));
  for (const folder of ['src', 'scripts']) {
    for (const file of readdirSync(join(checkout, folder), { recursive: true }).map(String).sort()) {
      if (!/\.(ts|json)$/.test(file) || file.endsWith('.test.ts')) continue;
      const stat = statSync(join(checkout, folder, file));
      hash.update(`${folder}/${file} ${stat.size} ${stat.mtimeMs}\n`);
    }
  }
  const sources = hash.digest('hex');
  const stampFile = join(checkout, 'dist', '.built-from');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === sources) return false;
  rmSync(stampFile, { force: true });
  await step('building', () => run(runtime(), [join(checkout, 'scripts', 'build.ts')]));
  mkdirSync(join(checkout, 'dist'), { recursive: true });
  writeFileSync(stampFile, sources);
  return true;
}

/** Programs the product calls, and the Debian package each comes in. */
const SYSTEM_PROGRAMS = [
  { program: 'runc', package: 'runc', for: 'running containers' },
  { program: 'conmon', package: 'conmon', for: 'holding containers' },
  { program: '/usr/lib/cni/bridge', package: 'containernetworking-plugins', for: 'container networks' },
  { program: 'nft', package: 'nftables', for: 'service addresses' },
  { program: 'ip', package: 'iproute2', for: 'container networks' },
  { program: 'unshare', package: 'util-linux', for: 'network namespaces' },
  // Ordinary users: their ranges of ids, and a way to the outside; 100 kB, 40 kB and a library.
  { program: 'newuidmap', package: 'uidmap', for: 'containers of ordinary users' },
  { program: 'slirp4netns', package: 'slirp4netns', for: 'networks of ordinary users' },
  { program: 'kubectl', package: 'kubernetes-client', for: 'talking to the cloud' },
];

function isPresent(program) {
  if (program.startsWith('/')) return existsSync(program);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

/** Installs missing system packages as root on a Debian-like system; elsewhere says which command would. */
export async function installSystemPackages() {
  const missing = SYSTEM_PROGRAMS.filter(({ program }) => !isPresent(program));
  if (missing.length === 0) return false;
  const packages = [...new Set(missing.map((m) => m.package))];
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  const debian = existsSync('/etc/debian_version') && isPresent('apt-get');
  if (process.getuid() !== 0 || !debian) {
    const what = missing.map((m) => `${m.package} (${m.for})`).join(', ');
    process.stderr.write(`Missing on this host: ${what}\n`);
    process.stderr.write(
      debian
        ? `Install with:\n  sudo ${command}\nGoing on with what works without them.\n`
        : `Install these with your system's package manager.\nGoing on with what works without them.\n`,
    );
    return false;
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await step(`installing ${packages.join(' ')}`, async () => {
      const [file, ...args] = command.split(' ');
      // Package lists may be absent or old: only then fetch them, and try again.
      await run(file, args, { env }).catch(async () => {
        await run('apt-get', ['update'], { env });
        await run(file, args, { env });
      });
    });
  } catch (error) {
    process.stderr.write(
      `${error.message}\nThe missing packages cost what needs them: ${missing.map((m) => m.for).join(', ')}.\nInstall them with:\n  ${command}\n`,
    );
  }
  return true;
}

/** Puts `orrery` on PATH for root: a link that is ours or nobody's. */
export function linkCommand() {
  if (process.getuid() !== 0) return;
  const link = '/usr/local/bin/orrery';
  const target = join(checkout, 'dist', 'bin', 'orrery');
  try {
    let current;
    try {
      current = readlinkSync(link);
    } catch (error) {
      if (error.code !== 'ENOENT') return;
    }
    if (current === target) return;
    // What an earlier version of this checkout linked.
    const isOurs = current === join(checkout, 'bin', 'orrery.mjs');
    if (current !== undefined && !isOurs && existsSync(current)) {
      process.stderr.write(`note: 'orrery' on your PATH is ${current}; this one is ${target}\n`);
      return;
    }
    rmSync(link, { force: true });
    symlinkSync(target, link);
  } catch (error) {
    process.stderr.write(`note: could not link ${link}: ${error.message}\n`);
  }
}

/** Prints an error as the product does: one line, and what to do. */
export function fail(error) {
  process.stderr.write(`error: ${error.message}\n`);
  if (error.hint) process.stderr.write(`hint: ${error.hint}\n`);
  process.exit(1);
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // absent or torn by a kill: the install runs again and writes it anew
  }
}
