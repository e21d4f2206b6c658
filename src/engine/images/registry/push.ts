import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { createGzip, createZstdCompress } from 'node:zlib';
import { BadRequest, type OrreryError, systemClock } from '../../../base/index.ts';
import type { ImageDetails, PushedImage, PushOptions } from '../../engine.ts';
import type { DiskImageLibrary } from '../image-library.ts';
import { decompressor, through } from '../layers.ts';
import {
  asManifest,
  CONFIG,
  type Compression,
  compressionOf,
  type Descriptor,
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  MANIFEST,
  type Manifest,
  parseJson,
} from '../media-types.ts';
import { layerTypeFor } from '../new-image.ts';
import { parseReference } from '../reference.ts';
import { localReference } from '../short-names.ts';
import { inParallel } from './parallel.ts';
import { clientFor } from './pull.ts';
import { readRegistriesConf, sourcesOf } from './registries-conf.ts';
import { isTransient, type RegistryClient, RegistryRefused, unreachable } from './registry-client.ts';
import { parseTransport } from './transports.ts';

const LAYERS_AT_ONCE = 3;
const MAX_FAILURES = 5;

/** What `podman push` does. @returns the digest of the manifest the registry has now. */
export async function pushImage(
  library: DiskImageLibrary,
  reference: string,
  options: PushOptions,
): Promise<PushedImage> {
  const image = await library.inspect(reference);
  const destination = parseTransport(options.destination ?? (await ownName(library, image, reference)));
  if ('path' in destination) return await pushToPath(library, image, destination, options);
  if (destination.transport === 'containers-storage') {
    await library.tag(image.id, destination.reference);
    return { digest: image.digest };
  }
  const name = localReference(destination.reference, options.defaultDomain);
  const conf = await readRegistriesConf(options.registriesConf);
  const source = sourcesOf(conf, name, true).at(-1)!;
  const client = clientFor(source, options);
  try {
    return await library.staged((staging) =>
      new Push(library, client, source.path, image, staging, options).run(
        options.byDigest ? { tag: undefined, digest: undefined } : parseReference(name),
      ),
    );
  } catch (error) {
    if (!(error instanceof RegistryRefused)) throw error;
    throw new RegistryRefused(error.status, `writing to destination docker://${name}: ${error.message}`);
  } finally {
    await client.close();
  }
}

async function ownName(library: DiskImageLibrary, image: ImageDetails, reference: string): Promise<string> {
  if (parseTransport(reference).transport !== 'docker') return reference;
  const name = await library.nameMeant(image, reference);
  return name ?? reference;
}

async function pushToPath(
  library: DiskImageLibrary,
  image: ImageDetails,
  { transport, path, name }: { transport: string; path: string; name?: string },
  options: PushOptions,
): Promise<{ digest: string }> {
  if (options.format !== undefined && transport !== 'dir')
    throw new BadRequest(`--format is not supported with ${transport}:`);
  const named = name === undefined ? undefined : localReference(name);
  if (transport === 'oci' || transport === 'dir')
    await library.writeFolder(image, named, path, {
      format: transport === 'oci' ? 'oci-dir' : 'docker-dir',
    });
  else
    await library.writeArchive(image, named, path, {
      format: transport as 'oci-archive' | 'docker-archive',
    });
  return { digest: image.digest };
}

class Push {
  readonly #library: DiskImageLibrary;
  readonly #client: RegistryClient;
  readonly #repository: string;
  readonly #image: ImageDetails;
  readonly #staging: string;
  readonly #options: PushOptions;

  constructor(
    library: DiskImageLibrary,
    client: RegistryClient,
    repository: string,
    image: ImageDetails,
    staging: string,
    options: PushOptions,
  ) {
    this.#library = library;
    this.#client = client;
    this.#repository = repository;
    this.#image = image;
    this.#staging = staging;
    this.#options = options;
  }

  async run(name: { tag: string | undefined; digest: string | undefined }): Promise<PushedImage> {
    const { digest: own } = this.#image;
    const bytes = await this.#library.blobs.read(own);
    const manifest = asManifest(parseJson(bytes, own), own);
    this.#tell('', 'Getting image source signatures');
    const isDocker =
      this.#options.format === undefined
        ? this.#image.mediaType === DOCKER_MANIFEST
        : this.#options.format === 'docker';
    const layers = await inParallel(
      manifest.layers,
      LAYERS_AT_ONCE,
      this.#options.signal,
      async (layer, signal) => {
        const pushed = await this.#pushLayer(layer, signal);
        return { ...pushed, mediaType: layerTypeFor(pushed.mediaType, isDocker) };
      },
    );
    await this.#pushBlob(manifest.config, () => this.#library.blobs.stream(manifest.config.digest));
    this.#tell(manifest.config.digest, 'Copying config');
    const sent = this.#manifestToSend(bytes, manifest, layers, isDocker);
    return await this.#putManifest(sent, isDocker, name);
  }

  /** The bytes as they are when nothing changed: then the digest stays. */
  #manifestToSend(bytes: Buffer, manifest: Manifest, layers: Descriptor[], isDocker: boolean): Buffer {
    const isSame =
      (this.#image.mediaType === DOCKER_MANIFEST) === isDocker &&
      layers.every((layer, i) => layer.digest === manifest.layers[i]!.digest);
    if (isSame) return bytes;
    const { annotations } = manifest;
    const converted: Manifest = {
      schemaVersion: 2,
      mediaType: isDocker ? DOCKER_MANIFEST : MANIFEST,
      config: { ...manifest.config, mediaType: isDocker ? DOCKER_CONFIG : CONFIG },
      layers,
      ...(annotations && !isDocker && { annotations }),
    };
    return Buffer.from(JSON.stringify(converted));
  }

  async #putManifest(
    bytes: Buffer,
    isDocker: boolean,
    { tag, digest }: { tag: string | undefined; digest: string | undefined },
  ): Promise<PushedImage> {
    this.#tell('', 'Writing manifest to image destination');
    const { createHash } = await import('node:crypto');
    const actual = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const answer = await this.#send('PUT', `${this.#repository}/manifests/${tag ?? digest ?? actual}`, {
      headers: { 'content-type': isDocker ? DOCKER_MANIFEST : MANIFEST },
      body: bytes,
    });
    answer.destroy();
    return {
      digest: actual,
      sizeBytes: bytes.byteLength,
      mediaType: isDocker ? DOCKER_MANIFEST : MANIFEST,
    };
  }

  /** A layer that is a plain tar here travels compressed; others as they are, unless asked for. */
  async #pushLayer(layer: Descriptor, signal: AbortSignal): Promise<Descriptor> {
    const compression = compressionOf(layer.mediaType);
    const wanted: Compression = this.#options.compression ?? (compression === 'none' ? 'gzip' : compression);
    if (wanted === compression) {
      this.#tell(
        layer.digest,
        await this.#pushBlob(layer, () => this.#library.blobs.stream(layer.digest), signal),
      );
      return layer;
    }
    const compressor = wanted === 'zstd' ? createZstdCompress() : createGzip();
    const compressed = await this.#library.blobs.write(
      this.#staging,
      through(this.#library.blobs.stream(layer.digest), decompressor(compression), compressor),
      { flush: false },
    );
    const mediaType = `application/vnd.oci.image.layer.v1.tar+${wanted}`;
    const descriptor: Descriptor = { mediaType, digest: compressed.digest, size: compressed.size };
    this.#tell(
      layer.digest,
      await this.#pushBlob(descriptor, () => createReadStream(compressed.path), signal),
    );
    return descriptor;
  }

  /** Nothing is sent that is there already, in this repository or another of the registry's that we know. */
  async #pushBlob(
    blob: Descriptor,
    open: (start: number) => Readable,
    signal = this.#options.signal,
  ): Promise<'Layer already exists' | 'Mounted' | 'Pushed'> {
    if (await this.#isThere(blob, signal)) return 'Layer already exists';
    const upload = await this.#beginUpload(blob, signal);
    if (upload === undefined) return 'Mounted';
    await this.#upload(blob, upload, open, signal);
    return 'Pushed';
  }

  async #isThere(blob: Descriptor, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const answer = await this.#send('HEAD', `${this.#repository}/blobs/${blob.digest}`, {}, signal);
      answer.destroy();
      return answer.statusCode === 200;
    } catch (error) {
      if (error instanceof RegistryRefused && error.status === 404) return false;
      throw error;
    }
  }

  /** @returns where to send it; undefined when it was mounted from another repository. */
  async #beginUpload(blob: Descriptor, signal: AbortSignal | undefined): Promise<URL | undefined> {
    const from = this.#otherRepository();
    const query =
      from === undefined ? '' : `?${new URLSearchParams({ mount: blob.digest, from }).toString()}`;
    const answer = await this.#send('POST', `${this.#repository}/blobs/uploads/${query}`, {}, signal);
    answer.destroy();
    return answer.statusCode === 201 ? undefined : locationOf(answer, await this.#client.baseUrl());
  }

  #otherRepository(): string | undefined {
    const known = [...this.#image.references, ...this.#image.repoDigests].map(parseReference);
    return known.find((one) => one.domain === this.#client.host && one.path !== this.#repository)?.path;
  }

  /** One PATCH of everything; after a broken connection, the rest from where the registry says it is. */
  async #upload(
    blob: Descriptor,
    location: URL,
    open: (start: number) => Readable,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let at = location;
    for (let offset = 0, failures = 0; offset < blob.size || blob.size === 0; ) {
      try {
        const answer = await this.#send(
          'PATCH',
          at,
          {
            headers: {
              'content-type': 'application/octet-stream',
              ...(offset > 0 && { 'content-range': `${offset}-${blob.size - 1}` }),
            },
            body: () => ({ stream: this.#counted(blob, open(0), offset), size: blob.size - offset }),
            once: true,
          },
          signal,
        );
        answer.destroy();
        at = locationOf(answer, at);
        break;
      } catch (error) {
        failures++;
        const isWorthIt =
          error instanceof RegistryRefused
            ? error.status >= 500 || error.status === 416
            : isTransient(error) || isTransient((error as OrreryError).cause);
        if (!isWorthIt || failures >= MAX_FAILURES || signal?.aborted) throw error;
        await systemClock.sleep(Math.min(100 * 2 ** failures, 4000), signal);
        ({ at, offset } = await this.#uploadState(at, signal));
      }
    }
    const url = new URL(at);
    url.searchParams.set('digest', blob.digest);
    (await this.#send('PUT', url, { headers: { 'content-length': '0' } }, signal)).destroy();
  }

  async #uploadState(at: URL, signal: AbortSignal | undefined): Promise<{ at: URL; offset: number }> {
    const answer = await this.#send('GET', at, {}, signal);
    answer.destroy();
    const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers.range ?? '')) ?? [];
    return {
      at: locationOf(answer, at),
      // `0-0` is said of an upload that has nothing yet, and of one with a byte: taken for nothing.
      offset: last === undefined || last === '0' ? 0 : Number(last) + 1,
    };
  }

  /** The bytes after `offset`, telling how far they are. */
  #counted(blob: Descriptor, content: Readable, offset: number): Readable {
    const tell = (current: number) => this.#tell(blob.digest, 'Pushing', { current, total: blob.size });
    const isConfig = blob.digest === this.#image.id;
    async function* counted(): AsyncGenerator<Buffer> {
      let at = 0;
      for await (const chunk of content as AsyncIterable<Buffer>) {
        const rest = chunk.subarray(Math.max(0, Math.min(chunk.byteLength, offset - at)));
        at += chunk.byteLength;
        if (rest.byteLength === 0) continue;
        if (!isConfig) tell(at);
        yield rest;
      }
    }
    return Readable.from(counted(), { objectMode: false });
  }

  async #send(
    method: string,
    path: string | URL,
    more: Pick<Parameters<RegistryClient['send']>[0], 'headers' | 'body' | 'once'>,
    signal = this.#options.signal,
  ): Promise<IncomingMessage> {
    return await this.#client.send({
      method,
      path,
      scope: `repository:${this.#repository}:pull,push`,
      ...more,
      ...(signal && { signal }),
    });
  }

  #tell(id: string, status: string, more: { current?: number; total?: number } = {}): void {
    this.#options.onProgress?.({ id, status, ...more });
  }
}

/** @throws OrreryError RegistryUnreachable for an answer that does not say where to go on. */
function locationOf(answer: IncomingMessage, base: URL): URL {
  const { location } = answer.headers;
  if (location === undefined)
    throw unreachable(base.host, new Error('it does not say where the upload goes'));
  const url = new URL(location, base);
  // A registry behind a proxy may think that it speaks plain HTTP: its credentials must not.
  if (url.host === base.host) url.protocol = base.protocol;
  return url;
}
