import { Gone } from '../../base/index.ts';
import type { StoredValue, StoreEvent } from '../../store/index.ts';
import { encodeText } from '../http/messages.ts';
import { DEFAULT_LIMITS } from '../options.ts';
import { failure, statusOf } from '../status.ts';
import { checkReached, narrowed } from './list.ts';
import { type ListOptions, readListOptions } from './list-options.ts';
import { readPages } from './pages.ts';
import type { Registry, ResourceRequest, WatchAnswer, WatchItem } from './registry.ts';
import { readSelection, type Selection } from './selection.ts';
import { presented } from './workspaces.ts';

/** Upstream's bookmarks come about once a minute. */
const BOOKMARK_MS = 60_000;

/** GET with watch. Source: k8s.io/apiserver/pkg/storage/cacher, handlers/watch.go. */
export async function watch(
  registry: Registry,
  request: ResourceRequest,
  closing: AbortSignal,
): Promise<WatchAnswer> {
  const { resource, workspace, namespace } = request;
  const query = request.request.query;
  const options = readListOptions(query, true);
  const selection = readSelection(resource, query);
  if (options.sendInitialEvents === true) await checkReached(registry, options);
  const prefix = registry.storage.prefixOf(resource, workspace, namespace);
  const exactKey = narrowed(registry, { request, selection });
  const watcher: Watcher = { registry, request, options, selection, prefix: exactKey ?? prefix, exactKey };
  return { type: 'watch', resource, events: follow(watcher, closing) };
}

interface Watcher {
  registry: Registry;
  request: ResourceRequest;
  options: ListOptions;
  selection: Selection;
  prefix: string;
  exactKey: string | undefined;
}

async function* follow(watcher: Watcher, closing: AbortSignal): AsyncGenerator<readonly WatchItem[]> {
  const { registry, options, prefix } = watcher;
  const ending = lifetime(watcher, closing);
  try {
    let after = options.revision;
    if (wantsInitialEvents(options)) {
      for await (const page of readPages(registry, { prefix })) {
        after = page.revision;
        const items = initialItems(watcher, page.items);
        if (items.length > 0) yield items;
      }
      if (options.sendInitialEvents === true && options.allowWatchBookmarks)
        yield [{ type: 'BOOKMARK', revision: after, initialEventsEnd: true }];
    } else if (options.revision === 0) after = registry.storage.store.revision();
    const batches = registry.storage.store.watch({
      prefix,
      after,
      signal: ending.signal,
      ...(options.allowWatchBookmarks && { progressMs: BOOKMARK_MS }),
    });
    for await (const batch of batches) {
      const items = batch.events.flatMap((event) => itemOf(watcher, event) ?? []);
      if (batch.events.length === 0 && options.allowWatchBookmarks)
        items.push({ type: 'BOOKMARK', revision: batch.revision, initialEventsEnd: false });
      if (items.length > 0) yield items;
    }
  } catch (error) {
    if (ending.signal.aborted) return;
    yield [{ type: 'ERROR', status: statusOfWatchError(error) }];
  } finally {
    ending.release();
  }
}

/** Without a revision, or with "0", a watch begins with what is there ("Get State and Start"). */
function wantsInitialEvents(options: ListOptions): boolean {
  return options.sendInitialEvents ?? options.revision === 0;
}

function initialItems(watcher: Watcher, values: readonly StoredValue[]): WatchItem[] {
  const { registry, request, selection, exactKey } = watcher;
  const items: WatchItem[] = [];
  for (const { key, value, modRevision } of values) {
    if (exactKey !== undefined && key !== exactKey) continue;
    if (
      !selection.everything &&
      !selection.matchesStored(value, () =>
        registry.storage.shared(request.resource, key, modRevision, value),
      )
    )
      continue;
    const stored = presented(registry, request, { key, bytes: value, revision: modRevision });
    items.push({ type: 'ADDED', stored });
  }
  return items;
}

/** What a change means to this watcher: an object that enters its selection is added, one that leaves it deleted. */
function itemOf(watcher: Watcher, event: StoreEvent): WatchItem | undefined {
  const { registry, request, selection, exactKey } = watcher;
  if (exactKey !== undefined && event.key !== exactKey) return undefined;
  const { key, revision, value, previous } = event;
  const { resource } = request;
  const item = (type: 'ADDED' | 'MODIFIED' | 'DELETED', bytes: Uint8Array): WatchItem => ({
    type,
    stored: presented(registry, request, { key, bytes, revision }),
    isLive: true,
  });
  if (selection.everything) {
    if (event.type === 'delete') return item('DELETED', value);
    return item(previous === undefined ? 'ADDED' : 'MODIFIED', value);
  }
  const before = registry.storage.sharedPrevious(resource, event);
  const matchedBefore = before !== undefined && selection.matches(before);
  if (event.type === 'delete') return matchedBefore ? item('DELETED', value) : undefined;
  const matches = selection.matches(registry.storage.shared(resource, key, revision, value));
  if (matches) return item(matchedBefore ? 'MODIFIED' : 'ADDED', value);
  return matchedBefore ? item('DELETED', atRevision(registry, previous!, revision)) : undefined;
}

/** The old state under the revision of the change that took it out of the selection, as upstream. */
function atRevision(registry: Registry, bytes: Uint8Array, revision: number): Uint8Array {
  const object = registry.storage.decodeStored(bytes);
  object.metadata.resourceVersion = String(revision);
  return encodeText(JSON.stringify(object));
}

function statusOfWatchError(error: unknown) {
  if (error instanceof Gone)
    return failure(410, 'Expired', `The resourceVersion for the provided watch is too old.`);
  return statusOf(error);
}

/** Ends with the request, the server, or the time. */
function lifetime(watcher: Watcher, closing: AbortSignal): { signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const end = () => controller.abort();
  const request = watcher.request.request.signal;
  const { minRequestTimeoutMs = DEFAULT_LIMITS.minRequestTimeoutMs } = watcher.registry;
  const seconds = watcher.options.timeoutSeconds || (minRequestTimeoutMs / 1000) * (1 + Math.random());
  const timer = setTimeout(end, Math.min(seconds * 1000, 2 ** 31 - 1));
  timer.unref();
  for (const signal of [request, closing]) {
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end, { once: true });
  }
  return {
    signal: controller.signal,
    release() {
      end();
      clearTimeout(timer);
      for (const signal of [request, closing]) signal?.removeEventListener('abort', end);
    },
  };
}
