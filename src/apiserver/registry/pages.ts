import type { ListResult } from '../../store/index.ts';
import type { Registry } from './registry.ts';

/** Keys read at once of a list that may be long. */
export const PAGE_KEYS = 500;

/**
 * Everything below a prefix as of one revision, a page at a time at the reader's pace, so that a long list is never
 * whole in memory. The first page is always there, perhaps empty.
 *
 * @throws Gone at a later page, when the reader took longer than history is kept.
 */
export async function* readPages(
  registry: Registry,
  from: { prefix: string; startAfter?: string | undefined; revision?: number | undefined },
): AsyncGenerator<ListResult> {
  let { startAfter, revision } = from;
  for (;;) {
    const page = await registry.storage.list({
      prefix: from.prefix,
      limit: PAGE_KEYS,
      uncounted: true,
      ...(startAfter !== undefined && { startAfter }),
      ...(revision !== undefined && { revision }),
    });
    yield page;
    if (!page.more) return;
    revision = page.revision;
    startAfter = page.items.at(-1)!.key;
  }
}
