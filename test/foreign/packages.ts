import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Debian packages, unpacked into a folder: nothing is installed, no service starts. Returns that folder. */
export function debianPackages(cache: string, name: string, packages: readonly string[]): string {
  const folder = join(cache, name);
  const root = join(folder, 'root');
  if (existsSync(join(folder, 'done'))) return root;
  mkdirSync(root, { recursive: true });
  execFileSync('apt-get', ['download', ...packages], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  for (const file of readdirSync(folder))
    if (file.endsWith('.deb')) execFileSync('dpkg', ['-x', join(folder, file), root]);
  mkdirSync(join(folder, 'done'));
  return root;
}

/** npm packages in a folder of their own, without running their install scripts. Returns that folder. */
export function npmPackages(cache: string, name: string, packages: readonly string[]): string {
  const folder = join(cache, name);
  if (existsSync(join(folder, 'done'))) return folder;
  mkdirSync(folder, { recursive: true });
  const flags = ['--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
  execFileSync('npm', ['install', ...flags, ...packages], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  mkdirSync(join(folder, 'done'));
  return folder;
}
