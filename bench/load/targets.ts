/** What issue 3 asks of the API server's speed, beside what bench/results/{api,watch,start,crd}.json say. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reportLines, tableLines } from '../report.ts';

interface Row {
  what: string;
  target: string;
  measured: string;
  isMet: boolean;
}

type Rates = {
  measured: {
    http: number;
    connections: number;
    operation: string;
    server: string;
    perSecond: number;
    p99Ms: number;
  }[];
};
type Fanouts = { measured: { selection: string; writesPerSecond: number; missing: number; p99Ms: number }[] };
type Starts = {
  measured: { objects: number; who: string; readyMs: number; idle: { anonymousMb: number } }[];
};
type Costs = { costs: { when: string; anonymousKbEach: number }[] };

function resultsOf<T>(name: string): T | undefined {
  const file = join(import.meta.dirname, '..', 'results', `${name}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined;
}

/** At 16 connections; either version of HTTP counts, the client chooses. */
function rateRows({ measured }: Rates): Row[] {
  const targets = [
    { operation: 'get', least: 8000 },
    { operation: 'create', least: 2500, mostP99Ms: 25 },
    { operation: 'list of 500', least: 250 },
  ];
  return targets.flatMap(({ operation, least, mostP99Ms = Number.POSITIVE_INFINITY }) =>
    measured
      .filter((one) => one.server === 'orrery' && one.operation === operation && one.connections === 16)
      .map(({ http, perSecond, p99Ms }) => ({
        what: `${operation}, 16 clients, HTTP/${http}`,
        target: `≥ ${least}/s${Number.isFinite(mostP99Ms) ? `, p99 < ${mostP99Ms} ms` : ''}`,
        measured: `${Math.round(perSecond)}/s, p99 ${p99Ms.toFixed(1)} ms`,
        isMet: perSecond >= least && p99Ms < mostP99Ms,
      })),
  );
}

function watchRows({ measured }: Fanouts): Row[] {
  return measured.map(({ selection, writesPerSecond, missing, p99Ms }) => ({
    what: `delivery to 1,000 watchers of ${selection}, ${writesPerSecond} writes/s`.replace('of by', 'by'),
    target: 'p99 ≤ 50 ms',
    measured: `p99 ${p99Ms.toFixed(1)} ms${missing === 0 ? '' : `, ${missing} missing`}`,
    isMet: p99Ms <= 50 && missing === 0,
  }));
}

function startRows({ measured }: Starts): Row[] {
  const most = Math.max(...measured.map(({ objects }) => objects));
  return measured
    .filter(({ objects }) => objects === most)
    .flatMap(({ who, readyMs, idle }) => {
      const empty = measured.find((one) => one.who === who && one.objects === 0)!;
      const each = ((idle.anonymousMb - empty.idle.anonymousMb) * 1024) / most;
      return [
        {
          what: `start with ${most.toLocaleString('en')} objects, ${who}`,
          target: '≤ 3 s',
          measured: `${(readyMs / 1000).toFixed(2)} s`,
          isMet: readyMs <= 3000,
        },
        {
          what: `memory of an idle object, ${who}`,
          target: '≤ 4 KB',
          measured: `${each.toFixed(2)} KB`,
          isMet: each <= 4,
        },
      ];
    });
}

function costRows({ costs }: Costs): Row[] {
  return costs.map(({ when, anonymousKbEach }) => ({
    what: `a CustomResourceDefinition, ${when}`,
    target: '≤ 64 KB',
    measured: `${Math.round(anonymousKbEach)} KB`,
    isMet: anonymousKbEach <= 64,
  }));
}

function rowsOf<T>(name: string, rows: (results: T) => Row[]): Row[] {
  const results = resultsOf<T>(name);
  return results === undefined ? [] : rows(results);
}

const rows = [
  ...rowsOf<Rates>('api', rateRows),
  ...rowsOf<Fanouts>('watch', watchRows),
  ...rowsOf<Starts>('start', startRows),
  ...rowsOf<Costs>('crd', costRows),
];
reportLines(
  'speed',
  'The targets of the API server’s speed, and what was measured; the whole tables are api.md, watch.md, start.md, crd.md.',
  tableLines(
    ['what', 'target', 'measured', 'met'],
    rows.map(({ what, target, measured, isMet }) => [what, target, measured, isMet ? 'yes' : 'no']),
  ),
);
