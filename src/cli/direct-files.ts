/**
 * `node:fs/promises` for a program that does one thing and ends: the container tool's commands. The kernel answers
 * for a small file in some ten microseconds; the way over libuv's threads and back costs ten times that, and more on
 * a busy machine, and a `run` asks some thousand times. scripts/build.ts puts this in the place of Node's own
 * module in `dist/containers.cjs`; servers, which may not stop for a slow disk, keep Node's.
 */
import * as fs from 'node:fs';
import * as promises from 'node:fs/promises';

// Handles, and what reads long or waits, are Node's own.
export const { constants, cp, glob, lchmod, mkdtempDisposable, open, opendir, statfs, watch } = promises;

type Call = (...args: never[]) => unknown;

/** The same call without a detour; its error is a rejection. */
function direct<T extends Call>(call: T): (...args: Parameters<T>) => Promise<ReturnType<T>> {
  return async (...args) => call(...args) as ReturnType<T>;
}

/**
 * A terminal or a pipe may have nothing to say yet, and somebody of ours may have to answer first. A control
 * group takes its time with a new member, and there are many that can be asked at once.
 */
function isRegularPlace(path: unknown): path is string {
  return typeof path === 'string' && !/^\/(?:dev\/|proc\/[^/]+\/fd\/|.*\/cgroup\.procs$)/.test(path);
}

const readNow = direct(fs.readFileSync);
const writeNow = direct(fs.writeFileSync);
const appendNow = direct(fs.appendFileSync);

function isText(content: unknown): content is string | Uint8Array {
  return typeof content === 'string' || content instanceof Uint8Array;
}

export const readFile = ((path: never, options: never) =>
  isRegularPlace(path)
    ? readNow(path, options)
    : promises.readFile(path, options)) as typeof promises.readFile;
export const writeFile = ((path: never, content: never, options: never) =>
  isRegularPlace(path) && isText(content)
    ? writeNow(path, content, options)
    : promises.writeFile(path, content, options)) as typeof promises.writeFile;
export const appendFile = ((path: never, content: never, options: never) =>
  isRegularPlace(path) && isText(content)
    ? appendNow(path, content, options)
    : promises.appendFile(path, content, options)) as typeof promises.appendFile;

export const access = direct(fs.accessSync);
export const chmod = direct(fs.chmodSync);
export const chown = direct(fs.chownSync);
export const copyFile = direct(fs.copyFileSync);
export const lchown = direct(fs.lchownSync);
export const link = direct(fs.linkSync);
export const lstat = direct(fs.lstatSync as Call) as unknown as typeof promises.lstat;
export const lutimes = direct(fs.lutimesSync);
export const mkdir = direct(fs.mkdirSync as Call) as unknown as typeof promises.mkdir;
export const mkdtemp = direct(fs.mkdtempSync as Call) as unknown as typeof promises.mkdtemp;
export const readdir = direct(fs.readdirSync as Call) as unknown as typeof promises.readdir;
export const readlink = direct(fs.readlinkSync as Call) as unknown as typeof promises.readlink;
export const realpath = direct(fs.realpathSync.native as Call) as unknown as typeof promises.realpath;
export const rename = direct(fs.renameSync);
export const rm = direct(fs.rmSync);
export const rmdir = direct(fs.rmdirSync);
export const stat = direct(fs.statSync as Call) as unknown as typeof promises.stat;
export const symlink = direct(fs.symlinkSync);
export const truncate = direct(fs.truncateSync);
export const unlink = direct(fs.unlinkSync);
export const utimes = direct(fs.utimesSync);
