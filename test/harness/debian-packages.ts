import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { checkout } from './cloud.ts';

const execute = promisify(execFile);
const FETCH_MS = 120_000;

/**
 * Debian packages unpacked below node_modules/.cache, once: installing them could start services, and needs root.
 * @returns the folder they are in
 */
export async function unpackPackages(name: string, packages: readonly string[]): Promise<string> {
  const cache = join(checkout, 'node_modules', '.cache', name);
  if (existsSync(cache)) return cache;
  mkdirSync(join(cache, '..'), { recursive: true });
  const unpacking = mkdtempSync(`${cache}-`);
  try {
    const download = () =>
      execute('apt-get', ['-q', 'download', ...packages], { cwd: unpacking, timeout: FETCH_MS });
    // Package lists may be absent or old: only then fetch them, and try again.
    await download().catch(async () => {
      await execute('apt-get', ['-q', 'update'], { timeout: FETCH_MS });
      await download();
    });
    for (const archive of readdirSync(unpacking).filter((file) => file.endsWith('.deb')))
      await execute('dpkg', ['-x', archive, '.'], { cwd: unpacking });
    if (!existsSync(cache)) renameSync(unpacking, cache);
    return cache;
  } catch (cause) {
    throw new Error(`Debian's packages ${packages.join(', ')} cannot be had`, { cause });
  } finally {
    rmSync(unpacking, { recursive: true, force: true });
  }
}

export function onPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
}

/** A busybox: this host's, or that of Debian's package. */
export async function findBusybox(): Promise<string> {
  const found = onPath('busybox');
  if (found !== undefined) return found;
  return join(await unpackPackages('busybox-static', ['busybox-static']), 'bin', 'busybox');
}

/** The real `docker` client: of the PATH, or of Debian's package. */
export async function findDocker(): Promise<string> {
  const found = onPath('docker');
  if (found !== undefined) return found;
  // Debian 13 has the client in a package of its own, 12 with the daemon's.
  const folder = await unpackPackages('docker-cli', ['docker-cli']).catch(() =>
    unpackPackages('docker.io', ['docker.io']),
  );
  return join(folder, 'usr', 'bin', 'docker');
}

/** docker-py and what it imports; a folder for PYTHONPATH. */
export async function findDockerPy(): Promise<string> {
  const folder = await unpackPackages('python3-docker', [
    ...['python3-docker', 'python3-requests', 'python3-urllib3', 'python3-websocket', 'python3-packaging'],
    ...['python3-chardet', 'python3-charset-normalizer', 'python3-idna', 'python3-certifi', 'python3-six'],
  ]);
  return join(folder, 'usr', 'lib', 'python3', 'dist-packages');
}

/** docker-compose: Debian 12's is in Python, later ones are a program of its own. What it is started with, and what it needs. */
export async function findDockerCompose(): Promise<{ command: string[]; environment: NodeJS.ProcessEnv }> {
  const folder = await unpackPackages('docker-compose', ['docker-compose']);
  const program = join(folder, 'usr', 'libexec', 'docker', 'cli-plugins', 'docker-compose');
  if (existsSync(program)) return { command: [program], environment: {} };
  const packages = (where: string): string => join(where, 'usr', 'lib', 'python3', 'dist-packages');
  const libraries = await unpackPackages('docker-compose-libraries', [
    ...['python3-dockerpty', 'python3-docopt', 'python3-dotenv', 'python3-texttable', 'python3-yaml'],
    ...['python3-jsonschema', 'python3-attr', 'python3-pyrsistent', 'python3-distro', 'python3-paramiko'],
  ]);
  const path = [packages(folder), packages(libraries), await findDockerPy()].join(delimiter);
  return {
    command: [onPath('python3') ?? 'python3', join(folder, 'usr', 'bin', 'docker-compose')],
    environment: { PYTHONPATH: path },
  };
}
