import { BadRequest } from '../../base/index.ts';
import type { ImageConfig } from '../engine.ts';

/** OCI image-spec v1.1, descriptor.md. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: { architecture: string; os: string; variant?: string };
}

/** OCI image-spec v1.1, manifest.md and image-index.md. */
export interface Manifest {
  schemaVersion: 2;
  mediaType?: string;
  config: Descriptor;
  layers: Descriptor[];
  annotations?: Record<string, string>;
}

export interface Index {
  schemaVersion: 2;
  mediaType?: string;
  manifests: Descriptor[];
}

/** OCI image-spec v1.1, config.md: the blob whose digest is the image's id. */
export interface ConfigBlob {
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  variant?: string;
  config?: ImageConfig;
  rootfs: { type: 'layers'; diff_ids: string[] };
  history?: HistoryRecord[];
}

/** One instruction an image was made with, oldest first. */
export interface HistoryRecord {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';
export const CONFIG = 'application/vnd.oci.image.config.v1+json';
export const LAYER_TAR = 'application/vnd.oci.image.layer.v1.tar';
/** Docker's image manifest version 2, schema 2. */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';
export const DOCKER_LAYER_TAR = 'application/vnd.docker.image.rootfs.diff.tar';
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';

export type Compression = 'none' | 'gzip' | 'zstd';

/** @throws BadRequest for a layer that is not a tar, gzipped tar or zstd tar. */
export function compressionOf(mediaType: string): Compression {
  if (/(?:^|[.+])foreign/.test(mediaType))
    throw new BadRequest(`layer media type ${mediaType} is not supported`);
  if (/layer\.(?:nondistributable\.)?v1\.tar$|rootfs\.diff\.tar$/.test(mediaType)) return 'none';
  if (/tar[.+]gzip$/.test(mediaType)) return 'gzip';
  if (/tar[.+]zstd$/.test(mediaType)) return 'zstd';
  throw new BadRequest(`layer media type ${mediaType} is not supported`);
}

export function isIndex(descriptor: Descriptor): boolean {
  return descriptor.mediaType === INDEX || descriptor.mediaType === DOCKER_INDEX;
}

export interface Platform {
  os?: string;
  architecture?: string;
  variant?: string;
}

/** The manifest of an index for a platform, by default this machine's. @throws BadRequest naming what the index offers. */
export function pickPlatform(index: Index, platform: Platform = {}): Descriptor {
  const { os = 'linux', architecture = hostArchitecture(), variant } = platform;
  const offered = index.manifests.filter(
    (one) =>
      one.platform?.os !== 'unknown' &&
      one.annotations?.['vnd.docker.reference.type'] !== 'attestation-manifest',
  );
  const fitting = offered.filter(
    (one) =>
      one.platform === undefined || (one.platform.os === os && one.platform.architecture === architecture),
  );
  const exact = fitting.find((one) => variant !== undefined && one.platform?.variant === variant);
  if (exact !== undefined) return exact;
  if (fitting[0] !== undefined && (variant === undefined || fitting[0].platform?.variant === undefined))
    return fitting[0];
  const names = offered.map(({ platform: one }) => platformName(one?.os, one?.architecture, one?.variant));
  throw new BadRequest(
    `the image has no variant for ${platformName(os, architecture, variant)}; it offers ${names.join(', ') || 'nothing'}`,
  );
}

function platformName(os?: string, architecture?: string, variant?: string): string {
  return [os, architecture, variant].filter(Boolean).join('/');
}

/** Go's name of this machine's processor, as images are labelled. */
export function hostArchitecture(): string {
  return process.arch === 'x64' ? 'amd64' : process.arch;
}

const DIGEST = /^sha256:[a-f0-9]{64}$/;

/** @throws BadRequest unless `value` has a descriptor's shape. */
export function asDescriptor(value: unknown, what: string): Descriptor {
  const one = value as Partial<Descriptor> | null;
  if (
    typeof one !== 'object' ||
    one === null ||
    typeof one.mediaType !== 'string' ||
    typeof one.digest !== 'string' ||
    !Number.isSafeInteger(one.size) ||
    one.size! < 0
  )
    throw new BadRequest(`${what} is not a descriptor`);
  if (!DIGEST.test(one.digest))
    throw new BadRequest(`${what} has digest ${JSON.stringify(one.digest)}; only sha256 is supported`);
  return one as Descriptor;
}

export function asManifest(value: unknown, what: string): Manifest {
  const one = value as Partial<Manifest> | null;
  if (typeof one !== 'object' || one === null || !Array.isArray(one.layers))
    throw new BadRequest(`${what} is not an image manifest`);
  asDescriptor(one.config, `the config of ${what}`);
  for (const layer of one.layers) asDescriptor(layer, `a layer of ${what}`);
  return one as Manifest;
}

export function asIndex(value: unknown, what: string): Index {
  const one = value as Partial<Index> | null;
  if (typeof one !== 'object' || one === null || !Array.isArray(one.manifests))
    throw new BadRequest(`${what} is not an image index`);
  for (const manifest of one.manifests) asDescriptor(manifest, `a manifest of ${what}`);
  return one as Index;
}

export function asConfigBlob(value: unknown, what: string): ConfigBlob {
  const one = value as Partial<ConfigBlob> | null;
  const diffIds = one?.rootfs?.diff_ids;
  if (typeof one !== 'object' || one === null || !Array.isArray(diffIds))
    throw new BadRequest(`${what} is not an image config`);
  if (!diffIds.every((id) => typeof id === 'string' && DIGEST.test(id)))
    throw new BadRequest(`${what} has a diff_id that is not a sha256 digest`);
  checkKinds(one, BLOB_KINDS, what);
  checkKinds(one.config ?? {}, CONFIG_KINDS, `the config of ${what}`);
  checkKinds(one.config?.Healthcheck ?? {}, { Test: 'strings' }, `the health check of ${what}`);
  for (const record of one.history ?? []) checkKinds(record, HISTORY_KINDS, `the history of ${what}`);
  return one as ConfigBlob;
}

type Kind = 'string' | 'strings' | 'map' | 'texts' | 'list' | 'boolean';

const BLOB_KINDS: Record<string, Kind> = {
  ...{ created: 'string', author: 'string', architecture: 'string', os: 'string', variant: 'string' },
  ...{ config: 'map', history: 'list' },
};
const CONFIG_KINDS: Record<string, Kind> = {
  ...{ User: 'string', WorkingDir: 'string', StopSignal: 'string' },
  ...{ Env: 'strings', Entrypoint: 'strings', Cmd: 'strings', Shell: 'strings', OnBuild: 'strings' },
  ...{ ExposedPorts: 'map', Volumes: 'map', Healthcheck: 'map', Labels: 'texts' },
};
const HISTORY_KINDS: Record<string, Kind> = {
  ...{ created: 'string', created_by: 'string', author: 'string', comment: 'string' },
  empty_layer: 'boolean',
};

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const HAS_KIND: Record<Kind, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  list: Array.isArray,
  strings: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  map: isMap,
  texts: (value) => isMap(value) && Object.values(value).every((one) => typeof one === 'string'),
};

/** Whoever made the image may have written anything; null stands for nothing, as in Go. @throws BadRequest */
function checkKinds(value: unknown, kinds: Record<string, Kind>, what: string): void {
  if (!isMap(value)) throw new BadRequest(`${what} is not an object`);
  for (const [name, kind] of Object.entries(kinds)) {
    const field = value[name];
    if (field !== undefined && field !== null && !HAS_KIND[kind](field))
      throw new BadRequest(`${what} has a field ${name} of another kind than it should be`);
  }
}

/** @throws BadRequest */
export function parseJson(bytes: Uint8Array | string, what: string): unknown {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()) as unknown;
  } catch (cause) {
    throw new BadRequest(`${what} is not JSON`, { cause });
  }
}
