import { BadRequest, Gone } from '../../base/index.ts';
import type { metav1 } from '../../kube/index.ts';
import type { ListResult, StoredValue } from '../../store/index.ts';
import { expired, resourceVersionTooLarge } from '../errors.ts';
import type { StoredObject } from '../storage/object-storage.ts';
import { type ListOptions, readListOptions } from './list-options.ts';
import { PAGE_KEYS, readPages } from './pages.ts';
import type { Answer, Registry, ResourceRequest } from './registry.ts';
import { readSelection, type Selection } from './selection.ts';
import { presented } from './workspaces.ts';

/** GET of a collection. Source: k8s.io/apiserver/pkg/storage/etcd3 GetList, pkg/storage/continue.go. */
export async function list(registry: Registry, request: ResourceRequest): Promise<Answer> {
  return { type: 'list', resource: request.resource, ...(await selectFirst(registry, request)) };
}

export interface Selected {
  items: StoredObject[];
  metadata: metav1.ListMeta;
}

/** All that a list without a limit selects, at once in memory. */
export async function selectObjects(registry: Registry, request: ResourceRequest): Promise<Selected> {
  const { items, metadata, rest } = await selectFirst(registry, request);
  for await (const more of rest ?? []) for (const item of more) items.push(item);
  return { items, metadata };
}

interface First extends Selected {
  /** Without a limit, what a first page of keys did not hold. */
  rest?: AsyncIterable<StoredObject[]>;
}

async function selectFirst(registry: Registry, request: ResourceRequest): Promise<First> {
  const { resource, workspace, namespace } = request;
  const query = request.request.query;
  const options = readListOptions(query, false);
  const selection = readSelection(resource, query);
  const prefix = registry.storage.prefixOf(resource, workspace, namespace);
  const from = startOf(options, prefix);
  await checkReached(registry, options);
  const page: Page = { request, selection, prefix, limit: options.limit, ...from };
  try {
    return await (page.limit > 0 ? readPage(registry, page) : readUnlimited(registry, page));
  } catch (error) {
    if (error instanceof Gone) throw tooOld(error, options, from);
    throw error;
  }
}

async function readUnlimited(registry: Registry, page: Page): Promise<First> {
  const narrow = narrowed(registry, page);
  const { startAfter, revision } = page;
  const pages = readPages(registry, { prefix: narrow ?? page.prefix, startAfter, revision });
  const select = (result: ListResult): StoredObject[] => {
    const items: StoredObject[] = [];
    takeMatching(registry, page, result.items, items, narrow);
    return items.map((item) => presented(registry, page.request, item));
  };
  const first = (await pages.next()).value as ListResult;
  const metadata = { resourceVersion: String(first.revision) } as metav1.ListMeta;
  return { items: select(first), metadata, ...(first.more && { rest: mapped(pages, select) }) };
}

async function* mapped<T, R>(from: AsyncGenerator<T>, map: (one: T) => R): AsyncGenerator<R> {
  for await (const one of from) yield map(one);
}

interface Start {
  /** The revision to read at; undefined for the current one. */
  revision: number | undefined;
  startAfter: string | undefined;
}

interface Page extends Start {
  request: ResourceRequest;
  selection: Selection;
  prefix: string;
  /** 0: no limit. */
  limit: number;
}

async function readPage(registry: Registry, page: Page): Promise<Selected> {
  const { request, selection, prefix, limit } = page;
  const narrow = narrowed(registry, page);
  const items: StoredObject[] = [];
  let { revision, startAfter } = page;
  let result: ListResult;
  for (;;) {
    result = await registry.storage.list({
      prefix: narrow ?? prefix,
      ...(startAfter !== undefined && { startAfter }),
      ...(revision !== undefined && { revision }),
      limit: selection.everything ? limit : Math.max(limit, PAGE_KEYS),
      // With a selector nobody knows how many of the rest match.
      uncounted: !selection.everything,
    });
    revision = result.revision;
    const full = takeMatching(registry, page, result.items, items, narrow);
    startAfter = full ?? result.items.at(-1)?.key;
    if (full !== undefined || !result.more) break;
    if (items.length >= limit) break;
  }
  const last = result.items.at(-1)?.key;
  const more = result.more || (startAfter !== undefined && last !== undefined && startAfter < last);
  const metadata = { resourceVersion: String(revision) } as metav1.ListMeta;
  if (more && startAfter !== undefined && items.length >= limit) {
    metadata.continue = encodeContinue(revision, startAfter.slice(prefix.length));
    if (result.remaining !== undefined) metadata.remainingItemCount = result.remaining;
  }
  return { items: items.map((item) => presented(registry, request, item)), metadata };
}

/** Adds what matches; the key of the last one looked at when the limit was reached before the end. */
function takeMatching(
  registry: Registry,
  page: Page,
  values: readonly StoredValue[],
  items: StoredObject[],
  exactKey: string | undefined,
): string | undefined {
  const { selection, limit, request } = page;
  for (const { key, value, modRevision } of values) {
    if (exactKey !== undefined && key !== exactKey) continue;
    const stored = { key, bytes: value, revision: modRevision };
    if (
      !selection.everything &&
      !selection.matchesStored(value, () =>
        registry.storage.shared(request.resource, key, modRevision, value),
      )
    )
      continue;
    // What is kept of a page must not keep all of it: the values of a list share memory.
    items.push(selection.everything ? stored : { ...stored, bytes: Buffer.from(value) });
    if (limit > 0 && items.length === limit) return key;
  }
  return undefined;
}

/** The one key that can match, when the path (`/watch/…/name`) or the selector names it and the place is known. */
export function narrowed(
  registry: Registry,
  where: { request: ResourceRequest; selection: Selection },
): string | undefined {
  const { resource, workspace, namespace } = where.request;
  const name = where.request.name ?? where.selection.name;
  // A name that cannot be one matches nothing, and is no key.
  if (name === undefined || name === '' || name.includes('/') || name.length > 253 || workspace === '*')
    return undefined;
  if (resource.namespaced && namespace === undefined) return undefined;
  return registry.storage.keyOf(resource, {
    workspace,
    ...(resource.namespaced && { namespace: namespace! }),
    name,
  });
}

function startOf(options: ListOptions, prefix: string): Start {
  if (options.continue !== '') {
    const token = decodeContinue(options.continue);
    if (options.resourceVersion !== '' && options.resourceVersion !== '0')
      throw new BadRequest('specifying resource version is not allowed when using continue');
    return {
      revision: token.rv > 0 ? token.rv : undefined,
      startAfter: prefix + token.start,
    };
  }
  // Without a match, a limit has always meant "exactly this revision" (etcd3 store, legacyExact).
  const exact =
    options.resourceVersionMatch === 'Exact' ||
    (options.resourceVersionMatch === '' && options.limit > 0 && options.revision > 0);
  return { revision: exact ? options.revision : undefined, startAfter: undefined };
}

/** A revision we have not reached cannot be served, not even "or newer". */
export async function checkReached(
  registry: Registry,
  options: Pick<ListOptions, 'revision'>,
): Promise<void> {
  const { store } = registry.storage;
  let current = store.revision();
  // Another server on the same store may have answered with it, and we not have heard.
  if (options.revision > current) current = await store.sync();
  if (options.revision > current) throw resourceVersionTooLarge(options.revision, current);
}

function encodeContinue(revision: number, start: string): string {
  const token = { v: 'meta.k8s.io/v1', rv: revision, start: `${start}\0` };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeContinue(text: string): { rv: number; start: string } {
  let token: { v?: unknown; rv?: unknown; start?: unknown } | null;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString()) as typeof token;
  } catch (cause) {
    throw new BadRequest('continue key is not valid: illegal base64 or JSON', { cause });
  }
  if (token?.v !== 'meta.k8s.io/v1')
    throw new BadRequest(
      `continue key is not valid: server does not recognize this encoded version "${token?.v}"`,
    );
  if (typeof token.rv !== 'number' || !Number.isSafeInteger(token.rv) || token.rv === 0)
    throw new BadRequest(
      'continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    );
  if (
    typeof token.start !== 'string' ||
    token.start === '' ||
    token.start.length > 600 ||
    token.start.includes('..')
  )
    throw new BadRequest('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  return { rv: token.rv, start: token.start.replace(/\0$/, '') };
}

const CONTINUE_TOO_OLD =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
  'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
  'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
  'deleted between the time the first chunk was returned and now may show up in the list.';

function tooOld(error: Gone, options: ListOptions, from: Start): Gone {
  if (options.continue === '')
    return expired(`The resourceVersion for the provided list is too old. (${error.message})`);
  const start = decodeContinue(options.continue).start;
  return new Gone(CONTINUE_TOO_OLD, {
    cause: error,
    details: { continue: from.startAfter === undefined ? '' : encodeContinue(-1, start) },
  });
}
