import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './cloud.ts';

const execute = promisify(execFile);

/**
 * A program of the PATH, or of one of Debian's packages, unpacked below node_modules/.cache: installing it would start
 * a service on the host, and needs root.
 */
export async function findDebianProgram(name: string, packageName: string): Promise<string> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
  }
  const cache = join(checkout, 'node_modules', '.cache', packageName);
  const program = join(cache, 'usr', 'bin', name);
  if (existsSync(program)) return program;
  mkdirSync(join(cache, '..'), { recursive: true });
  const unpacking = mkdtempSync(`${cache}-`);
  try {
    const download = () =>
      execute('apt-get', ['-q', 'download', packageName], { cwd: unpacking, timeout: 120_000 });
    // Package lists may be absent or old: only then fetch them, and try again.
    await download().catch(async () => {
      await execute('apt-get', ['-q', 'update'], { timeout: 120_000 });
      await download();
    });
    const archive = readdirSync(unpacking).find((file) => file.endsWith('.deb'))!;
    await execute('dpkg', ['-x', archive, '.'], { cwd: unpacking });
    if (!existsSync(program)) {
      rmSync(cache, { recursive: true, force: true });
      renameSync(unpacking, cache);
    }
    return program;
  } catch (cause) {
    throw new Error(`${name} is not on PATH and Debian's package ${packageName} cannot be had`, { cause });
  } finally {
    rmSync(unpacking, { recursive: true, force: true });
  }
}
