import type { ApiRequest } from '../http/messages.ts';
import { isTrue, type RequestInfo } from '../request-info/request-info.ts';

/** What is known of the objects of a resource. */
export interface ObjectStatistics {
  count: number;
  averageBytes: number;
}

const BYTES_PER_SEAT = 100_000;
const CACHED_LIMIT_BYTES = 1_000_000;
const MAX_SEATS = 10;

/**
 * How many seats a request takes: one, and a list (or a watch that asks for one) more by the memory it needs at once.
 * Source: k8s.io/apiserver/pkg/util/flowcontrol/request/{list,mutating}_work_estimator.go: there a write takes one
 * seat as well, whatever it costs to tell its watchers.
 */
export function seatsOf(
  request: Pick<ApiRequest, 'query'>,
  info: RequestInfo,
  about: { statistics: ObjectStatistics | undefined; maxSeats: number },
): number {
  if (info.type === 'path' || (info.verb !== 'list' && info.verb !== 'watch')) return 1;
  const { query } = request;
  if (info.verb === 'watch' && !isTrue(query?.get('sendInitialEvents'))) return 1;
  const { statistics } = about;
  if (statistics === undefined || info.name !== undefined) return 1;
  const limit = Number(query?.get('limit'));
  const limited = limit > 0 && limit < statistics.count ? limit : statistics.count;
  const isCurrent = info.verb === 'list' && query?.get('resourceVersion') === '0';
  const selects = query?.get('fieldSelector') || query?.get('labelSelector');
  const loaded = selects && !isCurrent ? Math.max(limited, statistics.count / 2) : limited;
  const bytes = loaded * statistics.averageBytes;
  const atOnce = isCurrent || info.verb === 'watch' ? Math.min(bytes, CACHED_LIMIT_BYTES) : bytes;
  const most = Math.max(1, Math.min(MAX_SEATS, about.maxSeats));
  return Math.max(1, Math.min(most, Math.ceil(atOnce / BYTES_PER_SEAT)));
}
