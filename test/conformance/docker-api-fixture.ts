import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../src/base/index.ts';
import { type DockerApiServer, serveDockerApi } from '../../src/docker-api/index.ts';
import { openBuilder } from '../../src/engine/index.ts';
import { type Libpod, openLibpod } from '../../src/libpod/index.ts';
import { checkout } from '../harness/cloud.ts';

/** A name of docker.io's, as clients write it: `shell`. */
export const IMAGE = 'shell';
const PROGRAMS = [
  ...['sh', 'sleep', 'cat', 'ls', 'id', 'tail', 'touch', 'stty', 'tty', 'env', 'mkdir', 'rm', 'seq', 'head'],
  ...['tar', 'chmod', 'true', 'false', 'hostname', 'stat'],
];

export interface DockerApiFixture {
  libpod: Libpod;
  socket: string;
  directory: string;
  /** A further server on the same directory. */
  serve(socket: string, idleTimeoutMs?: number): Promise<DockerApiServer>;
  stop(): Promise<void>;
}

/** A server over a data directory of its own, with one image. */
export async function startDockerApi(): Promise<DockerApiFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-docker-api-'));
  const libpod = await openLibpod({
    directory: join(directory, 'containers'),
    imagesDirectory: join(directory, 'engine'),
    log: silentLog,
    self: [process.execPath, join(checkout, 'src', 'cli', 'main.ts'), '--root', directory],
    environment: {},
  });
  await libpod.images.pack({
    ...{ reference: `docker.io/library/${IMAGE}:latest`, binaries: PROGRAMS, entrypoint: [], cmd: ['sh'] },
  });
  const builder = await openBuilder({ directory: join(directory, 'engine'), images: libpod.images });
  const serve = (socket: string, idleTimeoutMs = 0): Promise<DockerApiServer> =>
    serveDockerApi({
      ...{ libpod, builder, idleTimeoutMs, log: silentLog },
      listen: { kind: 'unix', path: socket, mode: 0o600 },
      facts: { version: '0.1.0', gitCommit: '', isRootless: false, dataDirectory: directory },
    });
  const socket = join(directory, 'api.sock');
  const server = await serve(socket);
  return {
    ...{ libpod, socket, directory, serve },
    stop: async () => {
      await server.close();
      await libpod.system.reset();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
