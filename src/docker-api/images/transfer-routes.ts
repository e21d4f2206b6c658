import { BadRequest, messageOf, NotFound, OrreryError } from '../../base/index.ts';
import type { ImageLibrary, PullOptions, TransferProgress } from '../../engine/index.ts';
import type { ApiContext } from '../context.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Handler } from '../http/http-server.ts';
import { Refusal } from '../http/refusal.ts';
import type { Route } from '../http/router.ts';
import { dockerName, familiarName, findImage } from '../names.ts';
import { loopbackAccess, registryAuth } from '../registry-auth.ts';
import { platformOption } from './platform.ts';
import { ProgressStream } from './progress-stream.ts';

/** Images from registries, to registries, and from root file systems. */
export function transferRoutes(context: ApiContext): Route<Handler>[] {
  return [
    { method: 'POST', path: '/images/create', handler: (x) => create(context, x) },
    { method: 'GET', path: '/distribution/{name*}/json', handler: (x) => distribution(context, x) },
    { method: 'POST', path: '/images/{name*}/push', handler: (x) => push(context, x) },
  ];
}

async function create(context: ApiContext, x: Exchange): Promise<void> {
  const [image, source] = [x.text('fromImage'), x.text('fromSrc')];
  if (image !== undefined) return pull(context, x, image);
  if (source !== undefined) return importRootfs(context, x, source);
  throw new BadRequest('either fromImage or fromSrc is needed');
}

async function pull({ libpod, clock }: ApiContext, x: Exchange, image: string): Promise<void> {
  const tag = x.text('tag');
  const reference = dockerName(image, tag);
  const isEveryTag = tag === undefined && !/:[\w.-]+$/.test(image) && !image.includes('@');
  const credentials = registryAuth(x.request.headers['x-registry-auth']);
  const stream = new ProgressStream(x);
  const options: PullOptions = {
    signal: x.signal,
    allTags: isEveryTag,
    ...(credentials !== undefined && { credentials }),
    ...platformOption(x.text('platform')),
    ...tlsOption(x, reference),
    onProgress: (progress) => {
      if (isOfWhole(progress)) return;
      if (!stream.isOpen) stream.send(pullingFrom(reference));
      stream.transfer(progress, clock.now());
    },
  };
  await stream.run(async () => {
    const { id, pulled } = await libpod.images.pull(reference, options).catch((error: unknown) => {
      throw pullError(error, reference);
    });
    if (!stream.isOpen) stream.send(pullingFrom(reference));
    const { digest } = (await libpod.images.resolve(id))!;
    stream.send({ status: `Digest: ${digest}` });
    const what = pulled ? 'Downloaded newer image for' : 'Image is up to date for';
    stream.send({ status: `Status: ${what} ${familiarName(reference)}` });
  });
}

/** Podman's lines about the whole, which Docker has not. */
function isOfWhole({ id, status }: TransferProgress): boolean {
  return id === '' || status.startsWith('Copying config');
}

function pullingFrom(reference: string): object {
  const [, path, tag] = /^(?:docker\.io\/)?(.*?)[:@]([^/]+)$/.exec(reference)!;
  return { status: `Pulling from ${path}`, id: tag };
}

/** `tlsVerify` is Podman's own parameter. */
function tlsOption(x: Exchange, reference: string): { tlsVerify?: boolean } {
  return x.text('tlsVerify') === undefined ? loopbackAccess(reference) : { tlsVerify: x.flag('tlsVerify') };
}

/** dockerd's words and status for what a registry has not. */
function pullError(error: unknown, reference: string): unknown {
  const message = messageOf(error);
  if (!(error instanceof OrreryError)) return error;
  const name = familiarName(reference);
  if (/manifest unknown|name unknown|repository name not known|\bnot found\b/i.test(message))
    return new NotFound(`manifest for ${name} not found: manifest unknown: manifest unknown`, {
      cause: error,
    });
  if (/\bdenied\b|unauthorized/i.test(message)) {
    const repository = name.replace(/[:@][^/]*$/, '');
    return new NotFound(
      `pull access denied for ${repository}, repository does not exist or may require 'docker login'`,
      { cause: error },
    );
  }
  return error;
}

/** What a registry has, before anything is pulled. */
async function distribution({ libpod }: ApiContext, x: Exchange): Promise<void> {
  const reference = dockerName(x.name());
  const credentials = registryAuth(x.request.headers['x-registry-auth']);
  const found = await libpod.images
    .lookUpManifest(reference, {
      signal: x.signal,
      ...(credentials !== undefined && { credentials }),
      ...loopbackAccess(reference),
    })
    .catch((error: unknown) => {
      throw pullError(error, reference);
    });
  const { mediaType, digest, size, platforms } = found;
  x.send(200, { Descriptor: { mediaType, digest, size }, Platforms: platforms });
}

async function importRootfs({ libpod }: ApiContext, x: Exchange, source: string): Promise<void> {
  if (source !== '-')
    throw new Refusal(400, `fromSrc=${source} is not supported: send the archive as the body (fromSrc=-)`);
  const repository = x.text('repo');
  const message = x.text('message');
  const { os, architecture, variant } = platformOption(x.text('platform')).platform ?? {};
  const { id } = await libpod.images.importRootfs(x.body, {
    ...(repository !== undefined && { reference: dockerName(repository, x.text('tag')) }),
    ...(message !== undefined && { message }),
    changes: x.texts('changes'),
    ...(os !== undefined && { os }),
    ...(architecture !== undefined && { architecture }),
    ...(variant !== undefined && { variant }),
  });
  x.open('application/json');
  await x.write(`${JSON.stringify({ status: id })}\r\n`);
  x.end();
}

async function push({ libpod, clock }: ApiContext, x: Exchange): Promise<void> {
  const name = x.params.name!;
  const credentials = registryAuth(x.request.headers['x-registry-auth']);
  const targets = await pushTargets(libpod.images, name, x.text('tag'));
  const destination = x.text('destination');
  const stream = new ProgressStream(x);
  await stream.run(async () => {
    for (const reference of targets) {
      const to = destination === undefined ? reference : dockerName(destination);
      const [, repository, tag] = /^(.*?)[:@]([^/]+)$/.exec(to)!;
      stream.send({ status: `The push refers to repository [${repository}]` });
      const { digest } = await libpod.images.push(reference, {
        signal: x.signal,
        ...(destination !== undefined && { destination: to }),
        ...(credentials !== undefined && { credentials }),
        ...tlsOption(x, to),
        onProgress: (progress) => {
          if (!isOfWhole(progress)) stream.transfer(progress, clock.now());
        },
      });
      const size = (await libpod.images.raw(reference)).manifest.byteLength;
      stream.send({ status: `${tag}: digest: ${digest} size: ${size}` });
      stream.send({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
    }
  });
}

/** One name, or without a tag every tag of the repository. @throws NotFound */
async function pushTargets(images: ImageLibrary, name: string, tag: string | undefined): Promise<string[]> {
  if (tag !== undefined || /:[\w.-]+$/.test(name))
    return [(await findImage(images, tag === undefined ? name : `${name}:${tag}`)).reference];
  const repository = dockerName(name).replace(/:latest$/, '');
  const names = (await images.list())
    .flatMap((image) => image.references)
    .filter((one) => one.startsWith(`${repository}:`));
  if (names.length > 0) return names;
  const short = await images.resolve(name);
  if (short === undefined)
    throw new NotFound(`An image does not exist locally with the tag: ${familiarName(name)}`);
  return [(await findImage(images, name)).reference];
}
