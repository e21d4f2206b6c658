import { createHash } from 'node:crypto';
import { BadRequest } from '../../../base/index.ts';
import type { RegistryAccess, RemoteManifest } from '../../engine.ts';
import { asConfigBlob, asIndex, asManifest, INDEX, isIndex, MANIFEST, parseJson } from '../media-types.ts';
import { parseReference } from '../reference.ts';
import { readManifest } from './manifest-fetch.ts';
import { clientFor, explained } from './pull.ts';
import { type ImageSource, readRegistriesConf, sourcesOf } from './registries-conf.ts';
import type { RegistryClient } from './registry-client.ts';

const CONFIG_LIMIT_BYTES = 4 << 20;

/** What a registry has under a full name, without fetching its layers. @throws NotFound RegistryRefused RegistryUnreachable … */
export async function lookUpManifest(
  name: string,
  options: RegistryAccess & { signal?: AbortSignal },
): Promise<RemoteManifest> {
  const source = sourcesOf(await readRegistriesConf(options.registriesConf), name).at(-1)!;
  const client = clientFor(source, options);
  try {
    return await lookUp(client, source, name, options.signal);
  } catch (error) {
    throw explained(error, source, name);
  } finally {
    await client.close();
  }
}

async function lookUp(
  client: RegistryClient,
  { path }: ImageSource,
  name: string,
  signal: AbortSignal | undefined,
): Promise<RemoteManifest> {
  const { tag, digest: wanted } = parseReference(name);
  const answer = await readManifest(client, path, wanted ?? tag!, signal);
  const digest = `sha256:${createHash('sha256').update(answer.bytes).digest('hex')}`;
  if (wanted !== undefined && wanted !== digest)
    throw new BadRequest(`the manifest ${wanted} does not have that digest: it is ${digest}`);
  const what = `the manifest of ${name}`;
  const value = parseJson(answer.bytes, what) as { mediaType?: string; manifests?: unknown };
  const mediaType = value?.mediaType ?? answer.mediaType;
  const size = answer.bytes.byteLength;
  if (isIndex({ mediaType, digest, size }) || value?.manifests !== undefined) {
    const platforms = asIndex(value, what).manifests.flatMap(({ platform }) => platform ?? []);
    return { mediaType: mediaType || INDEX, digest, size, platforms };
  }
  const { config } = asManifest(value, what);
  const blob = await client.read(
    {
      method: 'GET',
      path: `${path}/blobs/${config.digest}`,
      scope: `repository:${path}:pull`,
      ...(signal && { signal }),
    },
    CONFIG_LIMIT_BYTES,
    `the configuration of ${name}`,
  );
  const { os = 'linux', architecture = '', variant } = asConfigBlob(parseJson(blob.bytes, what), what);
  const platform = { os, architecture, ...(variant !== undefined && { variant }) };
  return { mediaType: mediaType || MANIFEST, digest, size, platforms: [platform] };
}
