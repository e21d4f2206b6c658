import { BadRequest, NotFound } from '../../base/index.ts';
import type { PathStat } from '../../libpod/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Handler } from '../http/http-server.ts';
import type { Route } from '../http/router.ts';
import { dockerName } from '../names.ts';
import { readConfig } from './create-body.ts';

/** Files into and out of containers, and a container made an image. */
export function archiveRoutes(context: ApiContext): Route<Handler>[] {
  const path = '/containers/{name}/archive';
  return [
    { method: 'HEAD', path, handler: (x) => stat(context, x) },
    { method: 'GET', path, handler: (x) => copyOut(context, x) },
    { method: 'PUT', path, handler: (x) => copyIn(context, x) },
    { method: 'POST', path: '/commit', handler: (x) => commit(context, x) },
  ];
}

async function stat({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const path = pathOf(x);
  const found = await withPath(x, path, () => libpod.containers.statPath(x.name(), path));
  x.response.setHeader('X-Docker-Container-Path-Stat', encodeStat(found));
  x.done(200);
}

async function copyOut({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const path = pathOf(x);
  const { stat: found, tar } = await withPath(x, path, () => libpod.containers.copyOut(x.name(), path));
  x.open('application/x-tar', { 'X-Docker-Container-Path-Stat': encodeStat(found) });
  await x.pipe(tar);
}

async function copyIn({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const path = pathOf(x);
  await withPath(x, path, () =>
    libpod.containers.copyIn(x.name(), path, x.body, {
      noOverwriteDirNonDir: x.flag('noOverwriteDirNonDir'),
      // Docker keeps the archive's owners; with copyUIDGID they become the container's user.
      chown: x.flag('copyUIDGID'),
    }),
  );
  x.done(200);
}

function pathOf(x: Exchange): string {
  const path = x.text('path');
  if (path === undefined) throw new BadRequest('bad parameter: path cannot be empty');
  return path;
}

/** Docker's words for a path that is not there, when the container is. */
async function withPath<T>(x: Exchange, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NotFound) || /no such container/i.test(error.message)) throw error;
    throw new NotFound(`Could not find the file ${path} in container ${x.name()}`, { cause: error });
  }
}

function encodeStat(found: PathStat): string {
  return Buffer.from(JSON.stringify(found)).toString('base64');
}

async function commit({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const container = x.text('container');
  if (container === undefined) throw new BadRequest('the parameter "container" is missing');
  const { Image: _, MacAddress: __, ...config } = readConfig(await x.json());
  const repository = x.text('repo');
  const [author, message] = [x.text('author'), x.text('comment')];
  const id = await libpod.containers.commit(container, {
    ...(repository !== undefined && { reference: dockerName(repository, x.text('tag')) }),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
    changes: x.texts('changes').flatMap((one) => one.split('\n').filter((line) => line.trim() !== '')),
    pause: x.flag('pause', true),
    ...(Object.keys(config).length > 0 && { config }),
    format: 'docker',
  });
  x.send(201, { Id: id.startsWith('sha256:') ? id : `sha256:${id}` });
}
