import { type ApiResponse, textResponse } from '../http/messages.ts';

const BUCKETS_SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 10, 30, 60];

interface Histogram {
  buckets: number[];
  sum: number;
  count: number;
}

export interface RequestLabels {
  verb: string;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  code: number;
}

/** kube-apiserver's own names for the few metrics dashboards look at; Prometheus text format 0.0.4. */
export class RequestMetrics {
  readonly #totals = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  #inFlight = 0;

  begin(): void {
    this.#inFlight++;
  }

  end(labels: RequestLabels, seconds: number, longRunning: boolean): void {
    this.#inFlight--;
    const { code, ...rest } = labels;
    const base = Object.entries(rest)
      .map(([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, '_')}"`)
      .join(',');
    const total = `code="${code}",${base}`;
    this.#totals.set(total, (this.#totals.get(total) ?? 0) + 1);
    if (longRunning) return;
    let histogram = this.#durations.get(base);
    if (histogram === undefined) {
      histogram = { buckets: BUCKETS_SECONDS.map(() => 0), sum: 0, count: 0 };
      this.#durations.set(base, histogram);
    }
    const at = BUCKETS_SECONDS.findIndex((limit) => seconds <= limit);
    if (at !== -1) histogram.buckets[at]!++;
    histogram.sum += seconds;
    histogram.count++;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  response(gauges: Readonly<Record<string, number>>): ApiResponse {
    const lines = ['# TYPE apiserver_request_total counter'];
    for (const [labels, value] of this.#totals) lines.push(`apiserver_request_total{${labels}} ${value}`);
    lines.push('# TYPE apiserver_request_duration_seconds histogram');
    for (const [labels, histogram] of this.#durations) lines.push(...histogramLines(labels, histogram));
    for (const [name, value] of Object.entries({
      apiserver_current_inflight_requests: this.#inFlight,
      ...gauges,
    }))
      lines.push(`# TYPE ${name} gauge`, `${name} ${value}`);
    return textResponse(200, `${lines.join('\n')}\n`, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    });
  }
}

function histogramLines(labels: string, histogram: Histogram): string[] {
  const name = 'apiserver_request_duration_seconds';
  let sum = 0;
  const lines = BUCKETS_SECONDS.map((limit, index) => {
    sum += histogram.buckets[index]!;
    return `${name}_bucket{${labels},le="${limit}"} ${sum}`;
  });
  lines.push(
    `${name}_bucket{${labels},le="+Inf"} ${histogram.count}`,
    `${name}_sum{${labels}} ${histogram.sum}`,
    `${name}_count{${labels}} ${histogram.count}`,
  );
  return lines;
}
