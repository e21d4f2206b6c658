import { type ApiRequest, type ApiResponse, textResponse } from '../http/messages.ts';
import type { RequestInfo } from '../request-info/request-info.ts';
import type { FlowControl } from './flow-control.ts';

const PREFIX = '/debug/api_priority_and_fairness/';
const LEVEL_COLUMNS = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
];
const QUEUE_COLUMNS = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
];
// The misspelt column is upstream's.
const REQUEST_COLUMNS = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
];
const DETAIL_COLUMNS = [
  'UserName',
  'Verb',
  'APIPath',
  'Namespace',
  'Name',
  'APIVersion',
  'Resource',
  'SubResource',
];

/**
 * What runs and waits where: `dump_priority_levels`, `dump_queues`, `dump_requests[?includeRequestDetails=1]`.
 * Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go.
 */
export function serveFlowDump(
  flow: FlowControl | undefined,
  request: ApiRequest,
  path: string,
): ApiResponse | undefined {
  if (flow === undefined || !path.startsWith(PREFIX)) return undefined;
  switch (path.slice(PREFIX.length)) {
    case 'dump_priority_levels':
      return table([LEVEL_COLUMNS, ...levelRows(flow)]);
    case 'dump_queues':
      return table([QUEUE_COLUMNS, ...queueRows(flow)]);
    case 'dump_requests': {
      const detailed = Boolean(request.query?.get('includeRequestDetails'));
      return table([
        detailed ? [...REQUEST_COLUMNS, ...DETAIL_COLUMNS] : REQUEST_COLUMNS,
        ...requestRows(flow, detailed),
      ]);
    }
    default:
      return undefined;
  }
}

function* levelRows(flow: FlowControl): Generator<string[]> {
  for (const { name, queues, quiescing } of flow.levels) {
    const active = queues.dump().filter(({ waiting }) => waiting.length > 0).length;
    const row = [active, queues.isIdle, quiescing, queues.waiting, queues.executing];
    yield [name, ...row.map(String)];
  }
}

function* queueRows(flow: FlowControl): Generator<string[]> {
  for (const { name, queues } of flow.levels)
    for (const { index, waiting, executing, seatsInUse, nextStart } of queues.dump()) {
      const seats = waiting.reduce((sum, one) => sum + one.seats, 0);
      const start = `${nextStart.toFixed(8)}ss`;
      const work = `${(seats * 0.003).toFixed(8)}ss`;
      yield [
        name,
        ...[index, waiting.length, executing, seatsInUse].map(String),
        start,
        ...[seats, seats].map(String),
        work,
      ];
    }
}

function* requestRows(flow: FlowControl, detailed: boolean): Generator<string[]> {
  for (const { name, queues } of flow.levels)
    for (const { index, waiting } of queues.dump())
      for (const [at, one] of waiting.entries()) {
        const arrived = new Date(performance.timeOrigin + one.arrivedMs).toISOString();
        const row = [name, one.schema, String(index), String(at), one.distinguisher, arrived];
        row.push(String(one.seats), '0', '0s');
        yield detailed ? [...row, ...detailsOf(one.details as Details)] : row;
      }
}

interface Details {
  user: string;
  info: RequestInfo;
}

function detailsOf({ user, info }: Details): string[] {
  if (info.type === 'path') return [user, info.verb, info.path, '', '', '', '', ''];
  const { namespace = '', name = '', group, version, resource, subresource = '' } = info;
  const apiVersion = group === '' ? version : `${group}/${version}`;
  return [user, info.verb, info.path, namespace, name, apiVersion, resource, subresource];
}

/** Columns of at least eight characters, as Go's tabwriter sets them. */
function table(rows: readonly (readonly string[])[]): ApiResponse {
  const widths: number[] = [];
  for (const row of rows)
    for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 8, cell.length + 2);
  const lines = rows.map((row) =>
    row.map((cell, at) => (at === row.length - 1 ? cell : `${cell},`.padEnd(widths[at]!))).join(''),
  );
  return textResponse(200, `${lines.join('\n')}\n`);
}
