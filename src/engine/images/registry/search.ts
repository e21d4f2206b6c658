import { BadRequest, messageOf, NotFound, OrreryError } from '../../../base/index.ts';
import type { SearchOptions, SearchResult } from '../../engine.ts';
import { parseJson } from '../media-types.ts';
import { parseReference } from '../reference.ts';
import { isQualified, localReference } from '../short-names.ts';
import { namesToPull, readRegistriesConf, sourcesOf } from './registries-conf.ts';
import { RegistryClient, RegistryRefused } from './registry-client.ts';

const LIMIT_BYTES = 16 << 20;
const DEFAULT_LIMIT = 25;
const MAX_PAGES = 1000;

/** What `search` finds: at Docker Hub by its index, elsewhere in the registry's catalog. */
export async function searchRegistries(term: string, options: SearchOptions): Promise<SearchResult[]> {
  if (options.listTags === true) return await searchTags(term, options);
  const conf = await readRegistriesConf(options.registriesConf);
  const [registry, word] = isQualified(term)
    ? [term.slice(0, term.indexOf('/')), term.slice(term.indexOf('/') + 1)]
    : [undefined, term];
  const registries =
    registry !== undefined
      ? [registry]
      : options.defaultDomain === 'docker.io'
        ? ['docker.io']
        : conf.unqualifiedSearchRegistries;
  const failures: unknown[] = [];
  const results: SearchResult[] = [];
  for (const host of registries) {
    const { insecure } = sourcesOf(conf, `${host}/any`).at(-1)!;
    try {
      results.push(...(await searchOne(host, word, insecure, options)));
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0 && failures.length === registries.length)
    throw new OrreryError(
      'RegistrySearchFailed',
      failures.length === 1
        ? `couldn't search registry ${JSON.stringify(registries[0])}: ${messageOf(failures[0])}`
        : `${failures.length} errors occurred:\n${failures.map((one) => `\t* ${messageOf(one)}`).join('\n')}`,
      { cause: failures[0] },
    );
  return filtered(results, options.filters ?? {});
}

async function searchOne(
  host: string,
  word: string,
  insecure: boolean,
  options: SearchOptions,
): Promise<SearchResult[]> {
  const limit = options.limit ?? DEFAULT_LIMIT;
  const client = new RegistryClient({
    host: host === 'docker.io' ? 'index.docker.io' : host,
    access: options,
    insecure,
  });
  try {
    return await searchIndex(client, host, word, limit);
  } catch (error) {
    if (!(error instanceof RegistryRefused) || host === 'docker.io') throw error;
    return await searchCatalog(client, host, word, limit);
  } finally {
    await client.close();
  }
}

interface IndexEntry {
  name: string;
  description?: string;
  star_count?: number;
  is_official?: boolean;
  is_automated?: boolean;
}

/** Docker's first index API. */
async function searchIndex(
  client: RegistryClient,
  host: string,
  word: string,
  limit: number,
): Promise<SearchResult[]> {
  const query = new URLSearchParams({ q: word, n: String(limit) });
  const { bytes } = await client.read(
    { method: 'GET', path: `../v1/search?${query}` },
    LIMIT_BYTES,
    `${host}'s answer`,
  );
  const { results = [] } = parseJson(bytes, `${host}'s answer`) as { results?: IndexEntry[] };
  return results.slice(0, limit).map((one) => ({
    index: host,
    name:
      host === 'docker.io' && !one.name.includes('/')
        ? `docker.io/library/${one.name}`
        : `${host}/${one.name}`,
    description: one.description ?? '',
    stars: one.star_count ?? 0,
    official: one.is_official === true ? '[OK]' : '',
    automated: one.is_automated === true ? '[OK]' : '',
  }));
}

/** Distribution-spec has no search: repositories whose name holds the word. */
async function searchCatalog(
  client: RegistryClient,
  host: string,
  word: string,
  limit: number,
): Promise<SearchResult[]> {
  const found: SearchResult[] = [];
  const scope = 'registry:catalog:*';
  for await (const page of pages<{ repositories?: string[] | null }>(client, '_catalog', scope))
    for (const name of page.repositories ?? []) {
      if (!name.includes(word)) continue;
      found.push({
        index: host,
        name: `${host}/${name}`,
        description: '',
        stars: 0,
        official: '',
        automated: '',
      });
      if (found.length >= limit) return found;
    }
  return found;
}

async function searchTags(term: string, options: SearchOptions): Promise<SearchResult[]> {
  if (Object.keys(options.filters ?? {}).length > 0)
    throw new BadRequest('filters are not applicable to list tags result');
  const conf = await readRegistriesConf(options.registriesConf);
  const [name] = namesToPull(conf, term, options.defaultDomain);
  const source = sourcesOf(conf, name!).at(-1)!;
  const { domain, path, tag } = parseReference(localReference(name!));
  if (tag !== 'latest' && tag !== undefined)
    throw new BadRequest(`reference ${term} must be a docker reference without a tag`);
  const client = new RegistryClient({ host: source.host, access: options, insecure: source.insecure });
  try {
    const tags = await listTags(client, source.path);
    return tags.slice(0, options.limit ?? DEFAULT_LIMIT).map((one) => ({
      index: domain,
      name: `${domain}/${path}`,
      tag: one,
      description: '',
      stars: 0,
      official: '',
      automated: '',
    }));
  } catch (error) {
    if (error instanceof RegistryRefused && error.status === 404)
      throw new NotFound(`getting repository tags: fetching tags list: ${error.message}`, { cause: error });
    throw error;
  } finally {
    await client.close();
  }
}

export async function listTags(
  client: RegistryClient,
  repository: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const tags: string[] = [];
  const scope = `repository:${repository}:pull`;
  for await (const page of pages<{ tags?: string[] | null }>(
    client,
    `${repository}/tags/list`,
    scope,
    signal,
  ))
    tags.push(...(page.tags ?? []));
  return tags;
}

/** Distribution-spec's pagination: the next page is in the Link header, at the same registry. */
async function* pages<T>(
  client: RegistryClient,
  path: string,
  scope: string,
  signal?: AbortSignal,
): AsyncGenerator<T> {
  let next: string | undefined = path;
  for (let page = 0; next !== undefined && page < MAX_PAGES; page++) {
    const { bytes, answer } = await client.read(
      { method: 'GET', path: next, scope, ...(signal && { signal }) },
      LIMIT_BYTES,
      `${client.host}'s answer`,
    );
    yield parseJson(bytes, `${client.host}'s answer`) as T;
    const [, link] = /<([^>]*)>\s*;\s*rel="?next"?/.exec(String(answer.headers.link ?? '')) ?? [];
    const url: URL | undefined = link === undefined ? undefined : new URL(link, `http://here/v2/${path}`);
    next = url?.pathname.startsWith('/v2/') ? `${url.pathname.slice('/v2/'.length)}${url.search}` : undefined;
  }
}

function filtered(results: SearchResult[], filters: Record<string, string[]>): SearchResult[] {
  let left = results;
  for (const [key, values] of Object.entries(filters))
    for (const value of values) {
      if (key === 'stars') {
        if (!/^\d+$/.test(value))
          throw new BadRequest(`incorrect value type for stars filter: ${JSON.stringify(value)}`);
        left = left.filter((one) => one.stars >= Number(value));
      } else if (key === 'is-official' || key === 'is-automated') {
        const wanted = value !== 'false' ? '[OK]' : '';
        const field = key === 'is-official' ? 'official' : 'automated';
        left = left.filter((one) => one[field] === wanted);
      } else throw new BadRequest(`invalid filter type ${JSON.stringify(key)}`);
    }
  return left;
}
