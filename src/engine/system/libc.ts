import { createRequire } from 'node:module';
import { OrreryError } from '../../base/index.ts';

/**
 * The few system calls Node lacks, through koffi. Each call is synchronous and short; none of them may be
 * given user-controlled blocking work. koffi (8 MB, 2 ms) is loaded at the first call, not at import.
 */
export interface Libc {
  mount(source: string, target: string, type: string, flags: number, data: string): void;
  umount(target: string, flags: number): void;
  /** Shows `source` at `target`, read-only, with the owners that a user namespace gives its files (mount_setattr(2)). */
  mountShifted(source: string, target: string, userNamespace: number): void;
  /** False when another holds the lock (LOCK_NB); a shared one is only held up by who wants it alone. */
  tryLock(fd: number, shared?: boolean): boolean;
  setNetworkNamespace(fd: number): void;
  /** Of this thread alone (unshare(2)). */
  newNetworkNamespace(): void;
  /** Sets `lo` of this thread's network namespace up (netdevice(7)). */
  raiseLoopback(): void;
  /** A non-blocking TCP socket that has begun to connect to the loopback of the thread's network namespace. */
  connectLoopback(family: 4 | 6, port: number): { fd: number; error: string | undefined };
  /** A socket that keeps a port of the host: whoever else binds it is told EADDRINUSE. */
  bindPort(protocol: 'tcp' | 'udp' | 'sctp', family: 4 | 6, address: Uint8Array, port: number): number;
  /** Where the peer of an accepted IPv4 connection meant to go, when a rule led it here (SO_ORIGINAL_DST). */
  originalDestination(fd: number): { host: string; port: number } | undefined;
  /** A connected socket of packets at a path of at most 107 bytes; reading and writing do not block. */
  connectPackets(path: string): number;
  /** undefined while the connection is being made, '' when it stands, else the error's name. */
  connectionState(fd: number): string | undefined;
  /** Whether the other side of a stream socket has closed it: it reads no more either (poll(2), POLLHUP and POLLERR). */
  isHungUp(fd: number): boolean;
  mknod(path: string, mode: number, major: number, minor: number): void;
  setXattr(path: string, name: string, value: Uint8Array): void;
  /** Names of the extended attributes of a file, a symlink not followed; none where the file system has none. */
  listXattrs(path: string): string[];
  /** undefined when the file has no such attribute. */
  getXattr(path: string, name: string): Buffer | undefined;
  openTerminal(): { master: number; slave: number };
  /** cfmakeraw(3) */
  makeRaw(fd: number): void;
  resizeTerminal(fd: number, columns: number, rows: number): void;
  closeFd(fd: number): void;
  /** The program that this one is replaced by has it too; Node marks all that it was given as its own. */
  keepOverExec(fd: number): void;
  /** openat2(2) with RESOLVE_IN_ROOT: whatever anybody changes meanwhile, the result is below `root`. @returns a descriptor */
  openInRoot(root: number, path: string, flags: number): number;
}

/** A system call said no. `details.errno` is its name: `EPERM`. */
export class SystemCallFailed extends OrreryError {
  readonly errno: string;
  constructor(call: string, errno: string, subject: string) {
    super('SystemCallFailed', `${call} ${subject}: ${errno}`, { details: { call, errno, subject } });
    this.errno = errno;
  }
}

export const MNT_DETACH = 2;

/** openat2(2): any rename or mount on the host while a `..` is resolved is EAGAIN, and it is to be tried again. */
const MOST_RACES = 10_000;

const CLONE_NEWNET = 0x40000000;
const LOCK_SH_NB = 1 | 4;
const LOCK_EX_NB = 2 | 4;
const AF_UNIX = 1;
const SOCK_SEQPACKET_NONBLOCK_CLOEXEC = 5 | 0o4000 | 0o2000000;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SOL_IP = 0;
const SO_ORIGINAL_DST = 80;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** Type and protocol of socket(2). */
const PORT_SOCKETS = {
  tcp: [1 | 0o2000000, 6],
  udp: [2 | 0o2000000, 17],
  sctp: [1 | 0o2000000, 132],
} as const;
const SO_ERROR = 4;
const POLLOUT = 4;
const POLLERR_POLLHUP = 8 | 16;
const O_RDWR_NOCTTY_CLOEXEC = 2 | 0o400 | 0o2000000;
/** Of every architecture (asm-generic/unistd.h). */
const SYS_OPENAT2 = 437;
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const OPEN_TREE_CLONE_CLOEXEC = 1 | 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_IDMAP_RDONLY = 0x00100000n | 1n;
const RESOLVE_NO_MAGICLINKS = 2n;
const RESOLVE_IN_ROOT = 16n;
const F_SETFD = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
/** struct ifreq: a name of 16 bytes, then a union of at most 24. */
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_AT = 16;
const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;
const TCGETS = 0x5401;
const TCSETS = 0x5402;

let loaded: Libc | undefined;

/** @throws OrreryError EngineUnavailable when koffi has no binary for this platform. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

interface Koffi {
  load(path: string | null): { func(prototype: string): (...args: unknown[]) => number };
  errno(): number;
  os: { errno: Record<string, number> };
}

/**
 * koffi's own entry looks into Node's program file for the kind of its binary, and takes ten times as long as the
 * binary itself. What it adds to that are warnings of calls that are no longer to be used.
 */
function loadKoffi(): Koffi {
  const require = createRequire(import.meta.url);
  const { arch, platform } = process;
  try {
    return require(`@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`) as Koffi;
  } catch (atOnce) {
    try {
      return require('koffi') as Koffi;
    } catch (error) {
      const cause = new AggregateError([atOnce, error]);
      throw new OrreryError('EngineUnavailable', 'the system call bridge (koffi) cannot be loaded', {
        cause,
      });
    }
  }
}

function load(): Libc {
  const koffi = loadKoffi();
  const c = koffi.load(null);
  const names = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name]));
  const errno = () => names.get(koffi.errno()) ?? `errno ${koffi.errno()}`;
  const must = (result: number, call: string, subject: string) => {
    if (result < 0) throw new SystemCallFailed(call, errno(), subject);
    return result;
  };
  return { ...fileCalls(c, errno, must), ...socketCalls(c, errno, must), ...terminalCalls(c, must) };
}

type Library = ReturnType<Koffi['load']>;
type Must = (result: number, call: string, subject: string) => number;

function fileCalls(c: Library, errno: () => string, must: Must) {
  const mount = c.func('int mount(const char*, const char*, const char*, unsigned long, const char*)');
  const umount2 = c.func('int umount2(const char*, int)');
  const flock = c.func('int flock(int, int)');
  const mknod = c.func('int mknod(const char*, uint, unsigned long)');
  const lsetxattr = c.func('int lsetxattr(const char*, const char*, const void*, size_t, int)');
  const close = c.func('int close(int)');
  const fcntl = c.func('int fcntl(int fd, int command, ...)') as (...args: unknown[]) => number;
  const llistxattr = c.func('long llistxattr(const char*, _Out_ void*, size_t)');
  const lgetxattr = c.func('long lgetxattr(const char*, const char*, _Out_ void*, size_t)');
  const syscall = c.func('long syscall(long, int, const char*, const void*, size_t)');
  const openTree = c.func('long syscall(long, int, const char*, uint)');
  const setAttributes = c.func('long syscall(long, int, const char*, uint, const void*, size_t)');
  const moveMount = c.func('long syscall(long, int, const char*, int, const char*, uint)');
  return {
    openInRoot: (root: number, path: string, flags: number) => {
      const how = Buffer.alloc(24);
      how.writeBigUInt64LE(BigInt(flags), 0);
      how.writeBigUInt64LE(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, 16);
      let fd = -1;
      for (let tries = 0; tries < MOST_RACES; tries++) {
        fd = Number(syscall(SYS_OPENAT2, root, path, how, how.byteLength));
        if (fd >= 0 || !['EAGAIN', 'EWOULDBLOCK'].includes(errno())) break;
      }
      return must(fd, 'openat2', path);
    },
    listXattrs: (path: string) => {
      // The kernel's own limits (XATTR_LIST_MAX, XATTR_SIZE_MAX); most files have none.
      if (llistxattr(path, null, 0) === 0) return [];
      const names = Buffer.alloc(65_536);
      const length = llistxattr(path, names, names.byteLength);
      if (length < 0 && ['ENOTSUP', 'EOPNOTSUPP'].includes(errno())) return [];
      return names
        .toString('utf8', 0, must(length, 'listxattr', path))
        .split('\0')
        .filter((name) => name !== '');
    },
    getXattr: (path: string, name: string) => {
      const value = Buffer.alloc(65_536);
      const length = lgetxattr(path, name, value, value.byteLength);
      if (length < 0 && ['ENODATA', 'ENOTSUP', 'EOPNOTSUPP'].includes(errno())) return undefined;
      return Buffer.from(value.subarray(0, must(length, 'getxattr', `${name} of ${path}`)));
    },
    mount: (source: string, target: string, type: string, flags: number, data: string) =>
      void must(mount(source, target, type, flags, data), 'mount', target),
    umount: (target: string, flags: number) => void must(umount2(target, flags), 'umount', target),
    mountShifted: (source: string, target: string, userNamespace: number) => {
      const tree = must(
        Number(openTree(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE_CLOEXEC)),
        'open_tree',
        source,
      );
      // struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
      const how = Buffer.alloc(32);
      how.writeBigUInt64LE(MOUNT_ATTR_IDMAP_RDONLY, 0);
      how.writeBigUInt64LE(BigInt(userNamespace), 24);
      try {
        const set = setAttributes(SYS_MOUNT_SETATTR, tree, '', AT_EMPTY_PATH, how, how.byteLength);
        must(Number(set), 'mount_setattr', source);
        const moved = moveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
        must(Number(moved), 'move_mount', target);
      } finally {
        must(close(tree), 'close', String(tree));
      }
    },
    tryLock: (fd: number, shared = false) => {
      if (flock(fd, shared ? LOCK_SH_NB : LOCK_EX_NB) === 0) return true;
      const why = errno();
      if (why === 'EAGAIN' || why === 'EWOULDBLOCK' || why === 'EINTR') return false;
      throw new SystemCallFailed('flock', why, String(fd));
    },
    mknod: (path: string, mode: number, major: number, minor: number) =>
      void must(mknod(path, mode, deviceNumber(major, minor)), 'mknod', path),
    setXattr: (path: string, name: string, value: Uint8Array) =>
      void must(lsetxattr(path, name, value, value.byteLength, 0), 'setxattr', `${name} of ${path}`),
    closeFd: (fd: number) => void must(close(fd), 'close', String(fd)),
    keepOverExec: (fd: number) => void must(fcntl(fd, F_SETFD, 'int', 0), 'fcntl', String(fd)),
  };
}

/** glibc's makedev for numbers that fit 12 and 20 bits, which are all a Linux kernel has. */
function deviceNumber(major: number, minor: number): number {
  return ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & 0xfff00) << 12);
}

function socketCalls(c: Library, errno: () => string, must: Must) {
  const close = c.func('int close(int)');
  const setns = c.func('int setns(int, int)');
  const unshare = c.func('int unshare(int)');
  const ioctl = c.func('int ioctl(int fd, unsigned long request, ...)') as (...args: unknown[]) => number;
  const socket = c.func('int socket(int, int, int)');
  const connect = c.func('int connect(int, const void*, uint)');
  const bind = c.func('int bind(int, const void*, uint)');
  const listen = c.func('int listen(int, int)');
  const setsockopt = c.func('int setsockopt(int, int, int, const void*, uint)');
  const poll = c.func('int poll(_Inout_ void*, unsigned long, int)');
  const getsockopt = c.func('int getsockopt(int, int, int, _Inout_ void*, _Inout_ void*)');
  return {
    setNetworkNamespace: (fd: number) => void must(setns(fd, CLONE_NEWNET), 'setns', 'network namespace'),
    newNetworkNamespace: () => void must(unshare(CLONE_NEWNET), 'unshare', 'network namespace'),
    raiseLoopback: () => {
      const fd = must(socket(AF_INET, SOCK_DGRAM_CLOEXEC, 0), 'socket', 'lo');
      const request = Buffer.alloc(IFREQ_BYTES);
      request.write('lo', 0);
      try {
        must(ioctl(fd, SIOCGIFFLAGS, 'void *', request), 'ioctl', 'SIOCGIFFLAGS');
        request.writeUInt16LE(request.readUInt16LE(IFREQ_FLAGS_AT) | IFF_UP, IFREQ_FLAGS_AT);
        must(ioctl(fd, SIOCSIFFLAGS, 'void *', request), 'ioctl', 'SIOCSIFFLAGS');
      } finally {
        must(close(fd), 'close', String(fd));
      }
    },
    connectLoopback: (family: 4 | 6, port: number) => {
      const type = family === 4 ? AF_INET : AF_INET6;
      const fd = must(socket(type, SOCK_STREAM_NONBLOCK_CLOEXEC, 0), 'socket', `IPv${family}`);
      const address = loopbackAddress(family, port);
      if (connect(fd, address, address.byteLength) === 0) return { fd, error: undefined };
      const error = errno();
      return { fd, error: error === 'EINPROGRESS' ? undefined : error };
    },
    bindPort: (protocol: 'tcp' | 'udp' | 'sctp', family: 4 | 6, address: Uint8Array, port: number) => {
      const [type, number] = PORT_SOCKETS[protocol];
      const fd = must(socket(family === 4 ? AF_INET : AF_INET6, type, number), 'socket', protocol);
      const yes = Buffer.from([1, 0, 0, 0]);
      const place = socketAddress(family, address, port);
      const refuse = (call: string) => {
        const error = errno();
        must(close(fd), 'close', String(fd));
        throw new SystemCallFailed(call, error, `port ${port}/${protocol}`);
      };
      if (family === 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, yes, 4);
      // Connections of a server that has just ended are no reason to refuse; one that listens is.
      if (protocol !== 'udp') setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, yes, 4);
      if (bind(fd, place, place.byteLength) !== 0) refuse('bind');
      if (protocol !== 'udp' && listen(fd, 1) !== 0) refuse('listen');
      return fd;
    },
    connectPackets: (path: string) => {
      const fd = must(socket(AF_UNIX, SOCK_SEQPACKET_NONBLOCK_CLOEXEC, 0), 'socket', 'packets');
      const address = Buffer.alloc(110);
      address.writeUInt16LE(AF_UNIX, 0);
      address.write(path, 2, 107);
      if (connect(fd, address, address.byteLength) === 0) return fd;
      const error = errno();
      must(close(fd), 'close', String(fd));
      throw new SystemCallFailed('connect', error, path);
    },
    originalDestination: (fd: number) => {
      const address = Buffer.alloc(16);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(address.byteLength, 0);
      if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, address, length) !== 0) return undefined;
      return { host: address.subarray(4, 8).join('.'), port: address.readUInt16BE(2) };
    },
    connectionState: (fd: number) => {
      const waiting = Buffer.alloc(8);
      waiting.writeInt32LE(fd, 0);
      waiting.writeInt16LE(POLLOUT, 4);
      if (must(poll(waiting, 1, 0), 'poll', String(fd)) === 0) return undefined;
      const value = Buffer.alloc(4);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(4, 0);
      must(getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length), 'getsockopt', String(fd));
      const code = value.readInt32LE(0);
      return code === 0 ? '' : code === 111 ? 'ECONNREFUSED' : `errno ${code}`;
    },
    isHungUp: (fd: number) => {
      const asked = Buffer.alloc(8);
      asked.writeInt32LE(fd, 0);
      return (
        must(poll(asked, 1, 0), 'poll', String(fd)) > 0 && (asked.readInt16LE(6) & POLLERR_POLLHUP) !== 0
      );
    },
  };
}

/** Of 127.0.0.1 or ::1. */
function loopbackAddress(family: 4 | 6, port: number): Buffer {
  const loopback = family === 4 ? [127, 0, 0, 1] : [...Array.from({ length: 15 }, () => 0), 1];
  return socketAddress(family, Uint8Array.from(loopback), port);
}

/** struct sockaddr_in or sockaddr_in6; the bytes of the address as on the wire. */
function socketAddress(family: 4 | 6, bytes: Uint8Array, port: number): Buffer {
  const address = Buffer.alloc(family === 4 ? 16 : 28);
  address.writeUInt16LE(family === 4 ? AF_INET : AF_INET6, 0);
  address.writeUInt16BE(port, 2);
  address.set(bytes, family === 4 ? 4 : 8);
  return address;
}

function terminalCalls(c: Library, must: Must) {
  const open = c.func('int open(const char*, int, ...)');
  const ioctlPointer = c.func('int ioctl(int fd, unsigned long request, ...)') as (
    ...args: unknown[]
  ) => number;
  /** cfmakeraw(3) on the kernel's struct termios: whoever reads the slave gets bytes as they were sent, once. */
  const makeRaw = (fd: number) => {
    const settings = Buffer.alloc(64);
    must(ioctlPointer(fd, TCGETS, 'void *', settings), 'ioctl', 'TCGETS');
    const clear = (at: number, bits: number) =>
      settings.writeUInt32LE((settings.readUInt32LE(at) & ~bits) >>> 0, at);
    clear(0, 0o2753);
    clear(4, 0o1);
    clear(12, 0o100113);
    must(ioctlPointer(fd, TCSETS, 'void *', settings), 'ioctl', 'TCSETS');
  };
  return {
    makeRaw,
    openTerminal: () => {
      const master = must(open('/dev/ptmx', O_RDWR_NOCTTY_CLOEXEC), 'open', '/dev/ptmx');
      must(ioctlPointer(master, TIOCSPTLCK, 'void *', Buffer.alloc(4)), 'ioctl', 'TIOCSPTLCK');
      const slave = must(
        ioctlPointer(master, TIOCGPTPEER, 'int', O_RDWR_NOCTTY_CLOEXEC),
        'ioctl',
        'TIOCGPTPEER',
      );
      makeRaw(slave);
      return { master, slave };
    },
    resizeTerminal: (fd: number, columns: number, rows: number) => {
      const size = Buffer.alloc(8);
      size.writeUInt16LE(rows, 0);
      size.writeUInt16LE(columns, 2);
      must(ioctlPointer(fd, TIOCSWINSZ, 'void *', size), 'ioctl', 'TIOCSWINSZ');
    },
  };
}
