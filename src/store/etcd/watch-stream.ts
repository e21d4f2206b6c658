import { Gone, messageOf, OrreryError } from '../../base/index.ts';
import { storeUnavailable } from '../store-errors.ts';
import type { EtcdConnection } from './connection.ts';
import { gone } from './etcd-errors.ts';
import type { WatchEvent } from './watch-messages.ts';

/** Changes in order; everything up to `revision` has come. */
export interface WatchStep {
  events: WatchEvent[];
  revision: number;
}

/**
 * One watch of a range from `startRevision` on, until it is left, `signal` aborts or the connection breaks. A step
 * never ends within a revision.
 *
 * @throws Gone with details.compactedRevision; StoreUnavailable when the connection broke; then the connection has
 *   gone on to its next endpoint.
 */
export async function* openWatch(
  connection: EtcdConnection,
  range: { key: Uint8Array; end: Uint8Array; startRevision: number },
  signal: AbortSignal,
): AsyncGenerator<WatchStep> {
  const { stream, leave } = connection.watch(range);
  const onAbort = (): void => stream.cancel();
  // After the loop below is left, nobody else hears of the cancellation.
  stream.on('error', () => undefined);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    let parts: WatchEvent[] = [];
    for await (const response of stream) {
      connection.checkCluster(response.header);
      if (response.compactRevision > 0) throw gone(range.startRevision - 1, response.compactRevision);
      if (response.canceled)
        throw storeUnavailable('etcd', `it ended a watch: ${response.cancelReason || 'no reason given'}`);
      const events = parts.length === 0 ? response.events : [...parts, ...response.events];
      parts = response.fragment ? events : [];
      if (response.fragment || response.created) continue;
      yield { events, revision: events.at(-1)?.item.modRevision ?? response.header.revision };
    }
    throw storeUnavailable('etcd', 'it ended a stream of watches');
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Gone) throw error;
    leave();
    throw error instanceof OrreryError ? error : storeUnavailable('etcd', messageOf(error), error);
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}
