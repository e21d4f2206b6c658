import { createHash } from 'node:crypto';
import type { ManifestListPush } from '../../engine.ts';
import { indexBytes } from '../manifest-lists.ts';
import type { Descriptor } from '../media-types.ts';
import { parseReference } from '../reference.ts';
import { localReference } from '../short-names.ts';
import { clientFor } from './pull.ts';
import { readRegistriesConf, sourcesOf } from './registries-conf.ts';

/** Puts an index under its name; the manifests it lists must be there (OCI distribution-spec v1.1, pushing manifests). */
export async function pushIndex(
  reference: string,
  manifests: readonly Descriptor[],
  options: ManifestListPush,
): Promise<{ digest: string }> {
  const access = options.access ?? {};
  const name = localReference(reference, access.defaultDomain);
  const source = sourcesOf(await readRegistriesConf(access.registriesConf), name, true).at(-1)!;
  const { bytes, mediaType } = indexBytes(manifests, options.format === 'docker');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const { tag } = parseReference(name);
  const client = clientFor(source, access);
  try {
    options.onProgress?.({ id: '', status: 'Writing manifest list to image destination' });
    const answer = await client.send({
      method: 'PUT',
      path: `${source.path}/manifests/${tag ?? digest}`,
      scope: `repository:${source.path}:pull,push`,
      headers: { 'content-type': mediaType },
      body: bytes,
    });
    answer.destroy();
    return { digest };
  } finally {
    await client.close();
  }
}
