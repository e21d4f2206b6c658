import { createReadStream } from 'node:fs';
import { BadRequest, messageOf, NotFound, OrreryError } from '../../../base/index.ts';
import type { LoadedImage, PullOptions } from '../../engine.ts';
import type { FoundImage } from '../archive.ts';
import type { DiskImageLibrary } from '../image-library.ts';
import { notKnown } from '../image-library.ts';
import { parseReference } from '../reference.ts';
import { localReference } from '../short-names.ts';
import { fetchImage } from './image-fetch.ts';
import { type FetchedManifest, fetchManifest } from './manifest-fetch.ts';
import { type ImageSource, namesToPull, readRegistriesConf, sourcesOf } from './registries-conf.ts';
import { RegistryClient, RegistryRefused } from './registry-client.ts';
import { checkPolicy, readPolicy } from './signature-policy.ts';
import { parseTransport } from './transports.ts';

type Pulled = LoadedImage & { pulled: boolean };

/** What `podman pull` does. @throws OrreryError ImagePullFailed, ImageRejected, RegistryUnauthorized … */
export async function pullImage(
  library: DiskImageLibrary,
  text: string,
  options: PullOptions,
): Promise<Pulled> {
  const parsed = parseTransport(text);
  if ('path' in parsed) return await pullFromPath(library, parsed);
  const { reference } = parsed;
  const { policy = 'always' } = options;
  const local = await library.resolve(reference);
  if (parsed.transport === 'containers-storage' || policy === 'never' || (policy === 'missing' && local)) {
    if (local === undefined) throw notKnown(reference);
    return { reference: local.references[0], id: local.id, pulled: false };
  }
  if (/^(?:sha256:)?[a-f0-9]{64}$/.test(reference)) {
    if (local !== undefined) return { reference: local.references[0], id: local.id, pulled: false };
    throw new BadRequest(`${reference} is an image's id: a registry knows names`);
  }
  const conf = await readRegistriesConf(options.registriesConf);
  const failures: unknown[] = [];
  for (const name of namesToPull(conf, reference, options.defaultDomain)) {
    try {
      return await pullName(library, name, sourcesOf(conf, name), options);
    } catch (error) {
      if (options.signal?.aborted) throw error;
      failures.push(error);
    }
  }
  if (policy === 'newer' && local !== undefined)
    return { reference: local.references[0], id: local.id, pulled: false };
  throw failures.length === 1
    ? failures[0]
    : new OrreryError(
        'ImagePullFailed',
        `${failures.length} errors occurred while pulling:\n * ${failures.map(messageOf).join('\n * ')}`,
        { cause: failures[0] },
      );
}

async function pullFromPath(
  library: DiskImageLibrary,
  { transport, path, name }: { transport: string; path: string; name?: string },
): Promise<Pulled> {
  const isFolder = transport === 'oci' || transport === 'dir';
  const loaded = await library.receive(isFolder ? { folder: path } : createReadStream(path), {
    defaultDomain: 'localhost',
    ...(name !== undefined && { reference: name }),
  });
  const wanted = name === undefined ? undefined : localReference(name);
  const found = loaded.find((one) => one.reference === wanted) ?? loaded[0]!;
  return { ...found, pulled: true };
}

/** From the first of the sources (mirrors, then the registry itself) that has it. */
async function pullName(
  library: DiskImageLibrary,
  name: string,
  sources: readonly ImageSource[],
  options: PullOptions,
): Promise<Pulled> {
  checkPolicy(await readPolicy(options.signaturePolicy), 'docker', name);
  options.onProgress?.({ id: '', status: `Trying to pull ${name}...` });
  if (options.allTags === true) return await pullAllTags(library, name, sources, options);
  let failure: unknown;
  for (const source of sources) {
    const client = clientFor(source, options);
    try {
      return await pullFrom(library, client, source, name, options);
    } catch (error) {
      if (options.signal?.aborted || !source.isMirror) throw explained(error, source, name);
      failure = error;
    } finally {
      await client.close();
    }
  }
  throw failure;
}

export function clientFor(
  source: ImageSource,
  options: { retries?: number } & ConstructorParameters<typeof RegistryClient>[0]['access'],
): RegistryClient {
  return new RegistryClient({
    host: source.host,
    access: options,
    insecure: source.insecure,
    ...(options.retries !== undefined && { retries: options.retries }),
  });
}

async function pullFrom(
  library: DiskImageLibrary,
  client: RegistryClient,
  source: ImageSource,
  name: string,
  options: PullOptions,
): Promise<Pulled> {
  const { tag, digest } = parseReference(name);
  const fetched = await fetchManifest(client, source.path, digest ?? tag!, options);
  const there = await library.resolve(fetched.manifest.config.digest);
  if (there?.digest === fetched.digest && there.references.includes(name))
    return { reference: name, id: there.id, pulled: false };
  options.onProgress?.({ id: '', status: 'Getting image source signatures' });
  return await library.staged(async (staging) => {
    const image = await fetchImage(library, client, source.path, fetched, staging, options);
    const found: FoundImage = { ...image, references: [name], repoDigests: digestNames(name, fetched) };
    const [loaded] = await library.commit([found], staging).finally(() => library.discard(image.unpacked));
    return { ...loaded!, pulled: true };
  });
}

function digestNames(name: string, fetched: FetchedManifest): string[] {
  const { domain, path } = parseReference(name);
  return [fetched.digest, ...fetched.listDigests].map((digest) => `${domain}/${path}@${digest}`);
}

async function pullAllTags(
  library: DiskImageLibrary,
  name: string,
  sources: readonly ImageSource[],
  options: PullOptions,
): Promise<Pulled> {
  const source = sources.at(-1)!;
  const { domain, path } = parseReference(name);
  const client = clientFor(source, options);
  try {
    const { listTags } = await import('./search.ts');
    let last: Pulled | undefined;
    for (const tag of await listTags(client, source.path, options.signal))
      last = await pullFrom(library, client, source, `${domain}/${path}:${tag}`, options);
    if (last === undefined) throw new NotFound(`${domain}/${path} has no tags`);
    return last;
  } finally {
    await client.close();
  }
}

/** In the words of containers/image, which people search for. */
export function explained(error: unknown, source: ImageSource, name: string): unknown {
  const { tag, digest } = parseReference(name);
  const at = `${source.host}/${source.path}`;
  const before = `initializing source docker://${at}${digest === undefined ? `:${tag}` : `@${digest}`}: `;
  if (error instanceof OrreryError && error.code === 'RegistryUnreachable')
    return new OrreryError('RegistryUnreachable', `${before}${error.message}`, { cause: error });
  if (!(error instanceof RegistryRefused)) return error;
  const message = `${before}reading manifest ${digest ?? tag} in ${at}: ${error.message}`;
  return error.status === 404
    ? new NotFound(message, { cause: error })
    : new RegistryRefused(error.status, message);
}
