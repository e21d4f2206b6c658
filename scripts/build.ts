/**
 * Bundles src/cli/main.ts into dist/orrery.mjs (with one chunk for each lazily imported part) and makes the
 * descriptions that `kubectl explain` shows.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { OUTSIDE } from '../src/cli/rootless-entry.ts';
import { launcherScript } from '../src/engine/rootless/launcher-script.ts';
import { bundleContainerTool, containerToolStarter } from './container-bundle.ts';
import { generateDescriptions } from './generate-descriptions.ts';

/** Of the cloud: they run as who calls them; see src/cli/main.ts. */
const CLOUD = [
  ...['up', 'server', 'status', 'down', 'store'],
  ...['workspace', 'ws', 'workspaces', 'kubeconfig', 'kcp'],
];

/** Of V8: a command ends before it has made so much garbage, and each collection takes it 1.5 ms. In MiB. */
const FLAGS = '--min-semi-space-size=8';

const checkout = resolve(import.meta.dirname, '..');
const finished = join(checkout, 'dist');
/** A build that fails leaves the one before; one that is used meanwhile is there until the last moment. */
const dist = join(checkout, `dist.${process.pid}`);
const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };

mkdirSync(dist, { recursive: true });
process.on('exit', () => rmSync(dist, { recursive: true, force: true }));
await build({
  entryPoints: { orrery: join(checkout, 'src/cli/main.ts') },
  outdir: dist,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: 'linked',
  sourcesContent: false,
  // Ours is bundled, libraries are not: native addons find their binaries beside their own files, and a
  // lazily imported CommonJS module keeps its named exports.
  packages: 'external',
  define: { 'globalThis.ORRERY_VERSION': JSON.stringify(version) },
  legalComments: 'none',
  logLevel: 'warning',
});
writeFileSync(join(dist, 'kubernetes-descriptions.json'), JSON.stringify(generateDescriptions()));
chmodSync(join(dist, 'orrery.mjs'), 0o755);
await bundleContainerTool(checkout, dist, version);
writeLauncher();
takeItsPlace();

function takeItsPlace(): void {
  const before = `${dist}.before`;
  if (existsSync(finished)) renameSync(finished, before);
  renameSync(dist, finished);
  rmSync(before, { recursive: true, force: true });
}

/**
 * `dist/bin/orrery`: the command without a second Node. The shell reads its second line, which names this Node
 * and for Node is a string and a comment; for an ordinary user it enters their namespaces first, unless it is linked as
 * a plug-in of kubectl. CommonJS starts a few
 * milliseconds sooner than a module, and compiled code is kept per user, so that what was loaded once is not
 * compiled again.
 */
function writeLauncher(): void {
  const bin = join(dist, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'package.json'), '{ "type": "commonjs" }\n');
  const launcher = join(bin, 'orrery');
  const rootless = join(finished, 'bin', 'rootless.sh');
  writeFileSync(
    join(bin, 'rootless.sh'),
    launcherScript(process.execPath, [...CLOUD, 'role', ...OUTSIDE], FLAGS),
  );
  writeFileSync(
    launcher,
    `#!/bin/sh
':' //; case "\${0##*/}" in kubectl-*) ;; *) [ -O / ] || [ ! -r '${rootless}' ] || . '${rootless}' ;; esac; exec '${process.execPath}' ${FLAGS} "$0" "$@"
const { enableCompileCache } = require('node:module');
const { basename, join } = require('node:path');
const { homedir } = require('node:os');
const { readFileSync } = require('node:fs');
function compiledFolder() {
  // Root of a user namespace is an ordinary user.
  const isRoot = process.getuid() === 0 && /^\\s*0\\s+0\\s/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return isRoot
    ? join(__dirname, '..', 'compiled')
    : join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'orrery', 'compiled');
}
function startEverything() {
  enableCompileCache(compiledFolder());
  import('../orrery.mjs');
}
${containerToolStarter(dist)}
const word = firstWord(process.argv.slice(2));
const isPlugin = basename(process.argv[1]).startsWith('kubectl-');
if (word === undefined || isPlugin || elsewhere.has(word)) startEverything();
else startContainerTool(word);
`,
  );
  chmodSync(launcher, 0o755);
}
