import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BadRequest } from '../../base/index.ts';

/** A tar of everything in a folder; `done` is called when the last byte is given, or nobody wants more. */
export function packFolder(folder: string, done: () => Promise<void>): Readable {
  const tar = spawn('tar', ['--create', '--numeric-owner', '--xattrs', '-C', folder, '.'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new PassThrough();
  finish(tar, pipeline(tar.stdout, output, { end: false }))
    .finally(done)
    .then(
      () => output.end(),
      (error: Error) => output.destroy(error),
    );
  return output;
}

/**
 * A root of its own for tar(1): its program and libraries, read-only, and the folder. Whatever links a container
 * has put into the folder, or puts there meanwhile, nothing on the host is behind them.
 */
const CONFINE = `
set -e
mount -t tmpfs -o mode=0755 tmpfs "$0"
for folder in usr lib lib64 lib32 libx32 bin; do
  if [ -L "/$folder" ]; then cp -P "/$folder" "$0/$folder"
  elif [ -d "/$folder" ]; then
    mkdir "$0/$folder"
    mount --bind "/$folder" "$0/$folder"
    mount -o remount,bind,ro,nosuid,nodev "$0/$folder"
  fi
done
mkdir "$0/volume"
mount --bind "$1" "$0/volume"
mount -o remount,ro "$0"
exec chroot "$0" tar --extract --numeric-owner --same-owner --preserve-permissions --xattrs -C /volume
`;

/** @throws BadRequest for what tar(1) refuses */
export async function unpackConfined(archive: Readable, folder: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'orrery-unpack-'));
  try {
    const tar = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', CONFINE, root, folder], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    await finish(tar, pipeline(archive, tar.stdin));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The program's end, and that of what it is given or gives. */
async function finish(tar: ChildProcess, flow: Promise<void>): Promise<void> {
  let told = '';
  tar.stderr!.on('data', (chunk: Buffer) => {
    told = (told + chunk.toString()).slice(-2000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.on('error', reject);
    tar.on('close', resolve);
  });
  const [flowed, exit] = await Promise.allSettled([flow, ended]);
  if (exit.status === 'rejected') throw exit.reason;
  // Its own words before those of the pipe that it left.
  if (exit.value !== 0)
    throw new BadRequest(`tar: ${told.trim().split('\n')[0] || `exit code ${exit.value}`}`);
  if (flowed.status === 'rejected') throw flowed.reason;
}
