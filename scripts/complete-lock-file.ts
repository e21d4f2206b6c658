/**
 * Adds to package-lock.json the optional platform packages that npm left out because the registry it was made
 * with did not serve them: `npm ci` insists on an entry for each. They are for other systems than Linux on
 * x64 and arm64 with glibc, so nothing of them is ever downloaded here. Run after every `npm install`:
 * `node scripts/complete-lock-file.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

interface Entry {
  version: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const OS = [
  'android',
  'darwin',
  'win32',
  'freebsd',
  'openbsd',
  'netbsd',
  'openharmony',
  'sunos',
  'aix',
  'linux',
];
const CPU = [
  'arm64',
  'x64',
  'ia32',
  'arm',
  'ppc64',
  'ppc64le',
  's390x',
  'riscv64',
  'loong64',
  'mips64el',
  'wasm32',
];
const LIBC: Record<string, string> = { musl: 'musl', musleabihf: 'musl', gnu: 'glibc', gnueabihf: 'glibc' };

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> };
let added = 0;
for (const [, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    if (lock.packages[`node_modules/${name}`] !== undefined || !/^\d/.test(version)) continue;
    const words = name.split(/[/-]/);
    const entry: Entry = { version, optional: true };
    if (parent.dev) entry.dev = true;
    const os = OS.filter((o) => words.includes(o));
    const cpu = CPU.filter((c) => words.includes(c));
    const libc = words.flatMap((w) => LIBC[w] ?? []);
    // A package whose name tells nothing is never for this system: it would have been there.
    entry.os = os.length > 0 ? os : ['none'];
    if (cpu.length > 0) entry.cpu = cpu;
    if (libc.length > 0) entry.libc = libc;
    lock.packages[`node_modules/${name}`] = entry;
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} entries added\n`);
