import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { globalFlags } from '../src/cli/containers/global-flags.ts';

/** What the container tool's own file does not have in it: the cloud, the API server and Kubernetes' YAML. */
const ELSEWHERE = [
  ...['up', 'server', 'status', 'down', 'store', 'role', 'help', 'completion', '__complete'],
  ...['__completeNoDesc', 'system', 'kube', 'play', 'generate'],
  ...['workspace', 'ws', 'workspaces', 'kubeconfig', 'kcp'],
];
/** Commands whose compiled code is kept apart. */
const KEPT = [
  ...['run', 'exec', 'ps', 'create', 'start', 'stop', 'rm', 'kill', 'wait', 'logs', 'attach', 'inspect'],
  ...[
    'container',
    'build',
    'images',
    'pull',
    'push',
    'load',
    'save',
    'rmi',
    'pod',
    'network',
    'volume',
    'cp',
  ],
];
const PARAMETERS = 'exports, require, module, __filename, __dirname';

/** Functions that are imported of libraries and of Node; these are loaded when one is called. */
const LIBRARIES: Record<string, string[]> = {
  'tar-stream': ['extract', 'pack'],
  'node:child_process': ['spawn', 'execFileSync'],
  'node:readline/promises': ['createInterface'],
  'node:stream/promises': ['finished', 'pipeline'],
  'node:zlib': ['createGunzip', 'createGzip', 'createZstdCompress', 'createZstdDecompress', 'gzipSync'],
};
/** What stands in the place of modules of Node; it alone has them. */
const DIRECT: Record<string, string> = {
  'node:fs/promises': 'src/cli/direct-files.ts',
  'node:crypto': 'src/cli/direct-crypto.ts',
};

/**
 * `dist/containers.cjs`: the container tool in one file. CommonJS because its modules, Node's own among them, are
 * evaluated when they are first needed, where ECMAScript modules all are at once.
 */
export async function bundleContainerTool(checkout: string, dist: string, version: string): Promise<void> {
  await build({
    entryPoints: { containers: join(checkout, 'src/cli/containers-main.ts') },
    outdir: dist,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    minifyWhitespace: true,
    supported: { 'dynamic-import': false },
    define: {
      'globalThis.ORRERY_VERSION': JSON.stringify(version),
      'import.meta.url': '__filename',
    },
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [directModules(checkout), lazyLibraries, withoutServers],
  });
  const file = join(dist, 'containers.cjs');
  writeFileSync(file, `(function (${PARAMETERS}) {${ascii(readFileSync(file, 'utf8'))}\n})`);
}

/** Text of one byte a character is read and kept as it is; esbuild leaves others in regular expressions. */
function ascii(source: string): string {
  return source.replace(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** See src/cli/direct-files.ts and src/cli/direct-crypto.ts. */
function directModules(checkout: string): Plugin {
  return {
    name: 'direct-modules',
    setup: (bundle) =>
      bundle.onResolve({ filter: /^node:(?:fs\/promises|crypto)$/ }, ({ path, importer }) => {
        const file = join(checkout, DIRECT[path]!);
        return importer === file ? undefined : { path: file };
      }),
  };
}

const lazyLibraries: Plugin = {
  name: 'lazy-libraries',
  setup: (bundle) => {
    bundle.onResolve({ filter: new RegExp(`^(?:${Object.keys(LIBRARIES).join('|')})$`) }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'lazy' } : { path, external: true },
    );
    bundle.onLoad({ filter: /./, namespace: 'lazy' }, ({ path }) => ({
      contents: LIBRARIES[path]!.map(
        (name) => `export const ${name} = (...args) => require('${path}').${name}(...args);`,
      ).join('\n'),
    }));
  },
};

const withoutServers: Plugin = {
  name: 'without-servers',
  setup: (bundle) =>
    bundle.onResolve({ filter: /\/(?:docker-api|kube-play)\/index\.ts$/ }, () => ({
      path: './orrery.mjs',
      external: true,
    })),
};

/**
 * Part of the launcher: gives `containers.cjs` the command when it has it. The code that V8 made for a command is
 * kept with the first run of it, under the hash of the source: V8 itself compares lengths only.
 *
 * @returns JavaScript
 */
export function containerToolStarter(dist: string): string {
  const taking = globalFlags
    .filter(({ kind }) => kind !== 'bool')
    .flatMap(({ name, aliases = [], short }) => [
      ...[name, ...aliases].map((one) => `--${one}`),
      ...(short === undefined ? [] : [`-${short}`]),
    ]);
  const source = readFileSync(join(dist, 'containers.cjs'));
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 24);
  return `
const elsewhere = new Set(${JSON.stringify(ELSEWHERE)});
const taking = new Set(${JSON.stringify(taking)});
const kept = new Set(${JSON.stringify(KEPT)});
function firstWord(words) {
  for (let at = 0; at < words.length; at++) {
    if (!words[at].startsWith('-')) return words[at];
    if (taking.has(words[at])) at++;
  }
}
function startContainerTool(word) {
  const { createRequire } = require('node:module');
  const { Script } = require('node:vm');
  const filename = join(__dirname, '../containers.cjs');
  const compiled = join(compiledFolder(), '${hash}-' + process.version + '-' + (kept.has(word) ? word : 'other'));
  let cachedData;
  try {
    cachedData = readFileSync(compiled);
  } catch {
    // Not kept yet, or not readable: it is compiled, which only takes longer.
  }
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
  // What runs long has thrown away compiled code by its end.
  if (cachedData === undefined || script.cachedDataRejected)
    process.once('exit', (code) => {
      if (code === 0 && process.uptime() < 5) keepCompiled(compiled, script);
    });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, join(__dirname, '..'));
}
function keepCompiled(path, script) {
  const { mkdirSync, renameSync, writeFileSync } = require('node:fs');
  try {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(path + '.' + process.pid, script.createCachedData(), { mode: 0o600 });
    renameSync(path + '.' + process.pid, path);
  } catch {
    // A full disk, or one that may not be written: it is compiled again next time.
  }
}
`;
}
