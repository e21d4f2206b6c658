import type { Distribution, MetricRegistry, Value } from '../../base/index.ts';
import type { RequestInfo } from '../request-info/request-info.ts';

/** kube-apiserver's own names, labels and buckets; k8s.io/apiserver/pkg/endpoints/metrics. */

const DURATIONS = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];
const SLI_DURATIONS = DURATIONS.slice(2);
const RESPONSE_SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const EVENT_SIZES = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
const ABOUT = ['group', 'version', 'resource', 'subresource', 'scope', 'component'];

export interface RequestLabels {
  /** `GET`, `LIST`, `POST`, `APPLY`…; upstream's words. */
  verb: string;
  dryRun: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  /** `resource`, `namespace`, `cluster` or nothing. */
  scope: string;
}

export interface RequestOutcome {
  code: number;
  seconds: number;
  longRunning: boolean;
  /** Of an answer that is whole. */
  bytes: number | undefined;
}

/** What is counted of a watch while it lives. */
export interface WatchMetrics {
  open(): void;
  close(): void;
  event(bytes: number): void;
  /** It was ended because it did not read. */
  terminated(): void;
}

/** The cells of one set of labels, looked up once. */
interface RequestCells {
  totals: Map<number, Value>;
  durations: Distribution | undefined;
  sliDurations: Distribution | undefined;
  sizes: Distribution | undefined;
}

/** Verbs that only read and so are worth a size. */
const SIZED = new Set(['GET', 'LIST']);

export class RequestMetrics {
  readonly #families: ReturnType<typeof familiesOf>;
  readonly #cells = new Map<string, RequestCells>();
  readonly #inFlight: { readOnly: Value; mutating: Value };

  constructor(registry: MetricRegistry) {
    this.#families = familiesOf(registry);
    const { inFlight } = this.#families;
    this.#inFlight = { readOnly: inFlight.at('readOnly'), mutating: inFlight.at('mutating') };
  }

  /** A request that is not long-running begins; call what is returned when it ends. */
  begin({ verb }: Pick<RequestInfo, 'verb'>): () => void {
    const isReading = verb === 'get' || verb === 'list' || verb === 'watch';
    const cell = isReading ? this.#inFlight.readOnly : this.#inFlight.mutating;
    cell.value++;
    return () => cell.value--;
  }

  end(labels: RequestLabels, { code, seconds, longRunning, bytes }: RequestOutcome): void {
    const cells = this.#cellsOf(labels);
    let total = cells.totals.get(code);
    if (total === undefined) {
      total = this.#families.total.at(...valuesOf(labels), String(code));
      cells.totals.set(code, total);
    }
    total.value++;
    if (code === 429 || code === 504) this.#families.terminations.at(...valuesOf(labels), String(code)).add();
    if (longRunning) return;
    cells.durations ??= this.#families.duration.at(...valuesOf(labels));
    cells.durations.observe(seconds);
    cells.sliDurations ??= this.#families.sliDuration.at(...withoutDryRun(labels));
    cells.sliDurations.observe(seconds);
    if (bytes === undefined || !SIZED.has(labels.verb)) return;
    cells.sizes ??= this.#families.sizes.at(...withoutDryRun(labels));
    cells.sizes.observe(bytes);
  }

  /** A watch, log or stream is open from now until what is returned is called. */
  longRunning(labels: RequestLabels): () => void {
    const cell = this.#families.longRunning.at(...withoutDryRun(labels));
    cell.value++;
    return () => cell.value--;
  }

  watch(labels: RequestLabels): WatchMetrics {
    const { watchEvents, watchEventSizes } = this.#families;
    const about = [labels.group, labels.version, labels.resource];
    const count = watchEvents.at(...about);
    const sizes = watchEventSizes.at(...about);
    let closed: (() => void) | undefined;
    return {
      open: () => {
        closed = this.longRunning(labels);
      },
      close: () => closed?.(),
      event: (bytes) => {
        count.value++;
        sizes.observe(bytes);
      },
      terminated: () => this.#families.terminatedWatchers.at(labels.group, labels.resource).add(),
    };
  }

  #cellsOf(labels: RequestLabels): RequestCells {
    const { verb, dryRun, group, version, resource, subresource, scope } = labels;
    const key = `${verb} ${group} ${version} ${resource} ${subresource} ${scope} ${dryRun}`;
    let cells = this.#cells.get(key);
    if (cells === undefined) {
      cells = { totals: new Map(), durations: undefined, sliDurations: undefined, sizes: undefined };
      this.#cells.set(key, cells);
    }
    return cells;
  }
}

function valuesOf({ verb, dryRun, group, version, resource, subresource, scope }: RequestLabels): string[] {
  return [verb, dryRun, group, version, resource, subresource, scope, 'apiserver'];
}

function withoutDryRun({ verb, group, version, resource, subresource, scope }: RequestLabels): string[] {
  return [verb, group, version, resource, subresource, scope, 'apiserver'];
}

function familiesOf(registry: MetricRegistry) {
  const labels = ['verb', 'dry_run', ...ABOUT];
  return {
    total: registry.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labels: [...labels, 'code'],
      stability: 'STABLE',
    }),
    terminations: registry.counter({
      name: 'apiserver_request_terminations_total',
      help: 'Number of requests which apiserver terminated in self-defense.',
      labels: [...labels, 'code'],
    }),
    duration: registry.histogram(
      {
        name: 'apiserver_request_duration_seconds',
        help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
        labels,
        stability: 'STABLE',
      },
      DURATIONS,
    ),
    sliDuration: registry.histogram(
      {
        name: 'apiserver_request_sli_duration_seconds',
        help: 'Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in seconds for each verb, group, version, resource, subresource, scope and component.',
        labels: ['verb', ...ABOUT],
      },
      SLI_DURATIONS,
    ),
    sizes: registry.histogram(
      {
        name: 'apiserver_response_sizes',
        help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
        labels: ['verb', ...ABOUT],
        stability: 'STABLE',
      },
      RESPONSE_SIZES,
    ),
    inFlight: registry.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
      labels: ['request_kind'],
      stability: 'STABLE',
    }),
    longRunning: registry.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component. Not all requests are tracked this way.',
      labels: ['verb', ...ABOUT],
      stability: 'STABLE',
    }),
    terminatedWatchers: registry.counter({
      name: 'apiserver_terminated_watchers_total',
      help: 'Counter of watchers closed due to unresponsiveness broken by resource type.',
      labels: ['group', 'resource'],
    }),
    watchEvents: registry.counter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients',
      labels: ['group', 'version', 'resource'],
    }),
    watchEventSizes: registry.histogram(
      {
        name: 'apiserver_watch_events_sizes',
        help: 'Watch event size distribution in bytes',
        labels: ['group', 'version', 'resource'],
      },
      EVENT_SIZES,
    ),
  };
}
