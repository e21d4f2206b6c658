import { closeSync, constants, openSync } from 'node:fs';
import { Socket, type SocketConstructorOpts } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { Conflict, OrreryError } from '../../base/index.ts';
import type { AttachSession } from '../engine.ts';
import { libc, SystemCallFailed } from '../system/libc.ts';
import { writeControl } from './control.ts';

/** conmon reads its clients into a buffer of this size; what a packet has beyond it is lost (conmon, conn_sock.c). */
const PACKET_LIMIT_BYTES = 32_768;
/** The first byte of a packet from conmon says where it was written (conmon, utils.h). */
const FROM_STDERR = 3;

export interface AttachTarget {
  /** The container's folder. */
  bundle: string;
  tty: boolean;
  stdin: boolean;
}

/**
 * Joins the terminal or the pipes of a running container's first process, through the socket its conmon
 * listens on: packets with a byte before them towards us, bare packets towards the process. Several may be
 * attached at once; all see the output, all may write.
 *
 * @throws Conflict when no conmon listens
 */
export function attachToContainer(target: AttachTarget): AttachSession {
  const socket = connect(target.bundle);
  const stdout = new PassThrough();
  const stderr = target.tty ? undefined : new PassThrough();
  // Each packet is one read of libuv's, so one chunk.
  socket.on('data', (packet: Buffer) => {
    const to = packet[0] === FROM_STDERR ? (stderr ?? stdout) : stdout;
    if (to.write(packet.subarray(1))) return;
    socket.pause();
    to.once('drain', () => socket.resume());
  });
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      stdout.end();
      stderr?.end();
      resolve();
    });
  });
  // conmon that dies with the container closes its end at any moment: the end of the session.
  socket.on('error', () => socket.destroy());
  return {
    ...(target.stdin && { stdin: packets(socket) }),
    stdout,
    ...(stderr !== undefined && { stderr }),
    resize: (columns, rows) => {
      if (target.tty) void writeControl(`${target.bundle}/ctl`, `1 ${rows} ${columns}\n`).catch(noConmon);
    },
    ended,
    close: () => socket.destroy(),
  };
}

/** The container has ended meanwhile: nobody is left whose size could matter. */
function noConmon(error: unknown): void {
  if (!(error instanceof Conflict)) throw error;
}

/** One packet after the other: two that libuv wrote as one could be too long for conmon. */
function packets(socket: Socket): Writable {
  const send = (bytes: Buffer, done: (error?: Error | null) => void): void => {
    socket.write(bytes.subarray(0, PACKET_LIMIT_BYTES), (error) => {
      const rest = bytes.subarray(PACKET_LIMIT_BYTES);
      if (error || rest.byteLength === 0) done(error);
      else send(rest, done);
    });
  };
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      if (chunk.byteLength === 0) done();
      else send(chunk, done);
    },
    final: (done) => {
      socket.end();
      done();
    },
  });
}

function connect(bundle: string): Socket {
  // Through a descriptor, as conmon itself binds it: the path may be longer than a socket's may be.
  const folder = openSync(bundle, constants.O_RDONLY | constants.O_DIRECTORY);
  let fd: number;
  try {
    fd = libc().connectPackets(`/proc/self/fd/${folder}/attach`);
  } catch (cause) {
    if (!(cause instanceof SystemCallFailed) || !['ENOENT', 'ECONNREFUSED'].includes(cause.errno))
      throw cause;
    throw new Conflict('the container has no monitor (conmon) to attach to', { cause });
  } finally {
    closeSync(folder);
  }
  const socket = new Socket({ handle: pipeOf(fd), allowHalfOpen: false } as unknown as SocketConstructorOpts);
  socket.resume();
  return socket;
}

interface PipeHandle {
  open(fd: number): number;
}

/**
 * Node's `net` refuses a descriptor of a kind it has no name for, and packets are one; libuv's pipe, which it
 * would use, reads and writes any. There is no public way to one (DEP0111 names none).
 */
function pipeOf(fd: number): PipeHandle {
  const { Pipe, constants: kinds } = (
    process as unknown as {
      binding(name: string): { Pipe: new (kind: number) => PipeHandle; constants: { SOCKET: number } };
    }
  ).binding('pipe_wrap');
  const pipe = new Pipe(kinds.SOCKET);
  const code = pipe.open(fd);
  if (code === 0) return pipe;
  libc().closeFd(fd);
  throw new OrreryError('AttachFailed', `cannot read from the container's monitor (${code})`);
}
