import { createHash } from 'node:crypto';
import { BadRequest } from '../../../base/index.ts';
import type { PullOptions } from '../../engine.ts';
import {
  asIndex,
  asManifest,
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  INDEX,
  isIndex,
  MANIFEST,
  type Manifest,
  parseJson,
  pickPlatform,
} from '../media-types.ts';
import type { RegistryClient } from './registry-client.ts';

/** Distribution's own limit for a manifest. */
const MANIFEST_LIMIT_BYTES = 4 << 20;
/** Lists of lists: nobody needs more, and a registry could nest them without end. */
const MAX_INDEX_DEPTH = 3;
const ACCEPT = [MANIFEST, DOCKER_MANIFEST, INDEX, DOCKER_INDEX].join(', ');

export interface FetchedManifest {
  manifest: Manifest;
  /** As they came: their digest is the image's. */
  bytes: Buffer;
  digest: string;
  /** Of the lists that led to it. */
  listDigests: string[];
}

/** The manifest for a tag or digest, through lists for the platform asked for, digests verified. */
export async function fetchManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  options: Pick<PullOptions, 'platform' | 'signal'>,
): Promise<FetchedManifest> {
  const listDigests: string[] = [];
  let wanted = reference;
  for (let depth = 0; ; depth++) {
    if (depth > MAX_INDEX_DEPTH) throw new BadRequest(`${repository} nests image indexes too deep`);
    const { bytes, mediaType } = await readManifest(client, repository, wanted, options.signal);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    if (wanted.startsWith('sha256:') && digest !== wanted)
      throw new BadRequest(`the manifest ${wanted} does not have that digest: it is ${digest}`);
    const what = `the manifest ${wanted} of ${repository}`;
    const value = parseJson(bytes, what) as {
      schemaVersion?: number;
      mediaType?: string;
      manifests?: unknown;
    };
    if (value?.schemaVersion === 1) throw new BadRequest(`${what} is of schema 1, which is not supported`);
    const type = value?.mediaType ?? mediaType;
    if (!isIndex({ mediaType: type, digest, size: 0 }) && value?.manifests === undefined)
      return { manifest: asManifest(value, what), bytes, digest, listDigests };
    listDigests.push(digest);
    wanted = pickPlatform(asIndex(value, what), options.platform).digest;
  }
}

/** A manifest or a list, as it came; its digest is not compared here. */
export async function readManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Buffer; mediaType: string }> {
  const { bytes, answer } = await client.read(
    {
      method: 'GET',
      path: `${repository}/manifests/${reference}`,
      headers: { accept: ACCEPT },
      scope: `repository:${repository}:pull`,
      ...(signal && { signal }),
    },
    MANIFEST_LIMIT_BYTES,
    `the manifest ${reference} of ${repository}`,
  );
  return {
    bytes,
    mediaType: String(answer.headers['content-type'] ?? '')
      .split(';')[0]!
      .trim(),
  };
}
