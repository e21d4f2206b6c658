import { type ApiResponse, textResponse } from '../http/messages.ts';

const BUCKETS_SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 10, 30, 60];

interface Series {
  /** `verb="GET",group="",…` */
  labels: string;
  totals: Map<number, number>;
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
  readonly #series = new Map<string, Series>();
  #inFlight = 0;

  begin(): void {
    this.#inFlight++;
  }

  end(labels: RequestLabels, seconds: number, longRunning: boolean): void {
    this.#inFlight--;
    const { verb, group, version, resource, subresource, code } = labels;
    const key = `${verb} ${group} ${version} ${resource} ${subresource}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = newSeries({ verb, group, version, resource, subresource });
      this.#series.set(key, series);
    }
    series.totals.set(code, (series.totals.get(code) ?? 0) + 1);
    if (longRunning) return;
    const at = BUCKETS_SECONDS.findIndex((limit) => seconds <= limit);
    if (at !== -1) series.buckets[at]!++;
    series.sum += seconds;
    series.count++;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  response(gauges: Readonly<Record<string, number>>): ApiResponse {
    const lines = ['# TYPE apiserver_request_total counter'];
    const all = [...this.#series.values()];
    for (const { labels, totals } of all)
      for (const [code, value] of totals)
        lines.push(`apiserver_request_total{code="${code}",${labels}} ${value}`);
    lines.push('# TYPE apiserver_request_duration_seconds histogram');
    for (const series of all) if (series.count > 0) lines.push(...histogramLines(series));
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

function newSeries(labels: Record<string, string>): Series {
  const text = Object.entries(labels).map(
    ([name, value]) => `${name}="${value.replaceAll(/["\\\n]/g, '_')}"`,
  );
  return {
    labels: text.join(','),
    totals: new Map(),
    buckets: BUCKETS_SECONDS.map(() => 0),
    sum: 0,
    count: 0,
  };
}

function histogramLines({ labels, buckets, sum: total, count }: Series): string[] {
  const name = 'apiserver_request_duration_seconds';
  let sum = 0;
  const lines = BUCKETS_SECONDS.map((limit, index) => {
    sum += buckets[index]!;
    return `${name}_bucket{${labels},le="${limit}"} ${sum}`;
  });
  lines.push(
    `${name}_bucket{${labels},le="+Inf"} ${count}`,
    `${name}_sum{${labels}} ${total}`,
    `${name}_count{${labels}} ${count}`,
  );
  return lines;
}
