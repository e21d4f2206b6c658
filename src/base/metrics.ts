/**
 * Counters, gauges and histograms in the two text forms of Prometheus.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/, OpenMetrics 1.0.
 */

type Type = 'counter' | 'gauge' | 'histogram';

/** How far a metric's name and labels can be relied on; k8s.io/component-base/metrics StabilityLevel. */
type Stability = 'STABLE' | 'BETA' | 'ALPHA';

export interface MetricDescription {
  name: string;
  help: string;
  labels?: readonly string[];
  /** Default ALPHA. */
  stability?: Stability;
}

/** What a counter or a gauge counts for one set of labels. */
export class Value {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

/** A histogram's counts for one set of labels. */
export class Distribution {
  readonly counts: number[];
  readonly #limits: readonly number[];
  sum = 0;
  count = 0;

  constructor(limits: readonly number[]) {
    this.#limits = limits;
    this.counts = limits.map(() => 0);
  }

  observe(value: number): void {
    const limits = this.#limits;
    let at = 0;
    while (at < limits.length && value > limits[at]!) at++;
    if (at < limits.length) this.counts[at]!++;
    this.sum += value;
    this.count++;
  }
}

interface Leaf<Cell> {
  values: readonly string[];
  cell: Cell;
}

/** By one label's value, the next label's; every path is as long as there are labels. */
type Branch<Cell> = Map<string, Branch<Cell> | Leaf<Cell>>;

/** A family without labels has one cell, under no name. */
function labelValues(values: readonly string[]): readonly string[] {
  return values.length === 0 ? [''] : values;
}

/** One name and what it says for each set of labels. Label values are the caller's to bound. */
export class MetricFamily<Cell extends Value | Distribution> {
  readonly description: MetricDescription;
  readonly type: Type;
  readonly limits: readonly number[];
  readonly #make: () => Cell;
  readonly #root: Branch<Cell> = new Map();
  readonly #cells = new Set<Leaf<Cell>>();

  constructor(description: MetricDescription, type: Type, make: () => Cell, limits: readonly number[] = []) {
    this.description = description;
    this.type = type;
    this.limits = limits;
    this.#make = make;
  }

  /**
   * The cell of these label values, in the order of the description. Found value by value: a request asks dozens of
   * times, and making one key of them would cost more than all the counting.
   */
  at(...values: string[]): Cell {
    let node: Branch<Cell> = this.#root;
    for (const value of values) {
      const next = node.get(value);
      if (next === undefined) return this.#grow(values);
      if (!(next instanceof Map)) return next.cell;
      node = next;
    }
    return this.#grow(values);
  }

  remove(...values: string[]): void {
    const path: [Branch<Cell>, string][] = [];
    let node: Branch<Cell> | Leaf<Cell> | undefined = this.#root;
    for (const value of labelValues(values)) {
      if (!(node instanceof Map)) return;
      path.push([node, value]);
      node = node.get(value);
    }
    if (node === undefined || node instanceof Map) return;
    this.#cells.delete(node);
    for (const [branch, value] of path.reverse()) {
      branch.delete(value);
      if (branch.size > 0) return;
    }
  }

  clear(): void {
    this.#cells.clear();
    this.#root.clear();
  }

  #grow(values: readonly string[]): Cell {
    const path = labelValues(values);
    let node = this.#root;
    for (const value of path.slice(0, -1)) {
      const next = (node.get(value) as Branch<Cell> | undefined) ?? (new Map() as Branch<Cell>);
      node.set(value, next);
      node = next;
    }
    const last = path.at(-1)!;
    const known = node.get(last);
    if (known !== undefined) return (known as Leaf<Cell>).cell;
    const leaf = { values, cell: this.#make() };
    node.set(last, leaf);
    this.#cells.add(leaf);
    return leaf.cell;
  }

  *[Symbol.iterator](): Generator<{ labels: string; cell: Cell }> {
    const { labels = [] } = this.description;
    for (const { values, cell } of this.#cells)
      yield { labels: labels.map((name, at) => `${name}="${escaped(values[at] ?? '')}"`).join(','), cell };
  }
}

export type Metric = MetricFamily<Value>;
export type Histogram = MetricFamily<Distribution>;

/** All metrics of a process or a part of it. */
export class MetricRegistry {
  readonly #families: MetricFamily<Value | Distribution>[] = [];
  readonly #collectors: (() => Promise<void> | void)[] = [];

  counter(description: MetricDescription): Metric {
    return this.#added(new MetricFamily(description, 'counter', () => new Value()));
  }

  gauge(description: MetricDescription): Metric {
    return this.#added(new MetricFamily(description, 'gauge', () => new Value()));
  }

  /** `buckets`: upper limits, rising, without infinity. */
  histogram(description: MetricDescription, buckets: readonly number[]): Histogram {
    return this.#added(new MetricFamily(description, 'histogram', () => new Distribution(buckets), buckets));
  }

  /** Called before every reading: sets what is not kept up to date all the time. */
  collect(collector: () => Promise<void> | void): void {
    this.#collectors.push(collector);
  }

  /** Prometheus' text format 0.0.4, or OpenMetrics 1.0. */
  async text(format: 'prometheus' | 'openmetrics' = 'prometheus'): Promise<string> {
    for (const collector of this.#collectors) await collector();
    const lines: string[] = [];
    const sorted = [...this.#families].sort((a, b) => (a.description.name < b.description.name ? -1 : 1));
    for (const family of sorted) appendFamily(lines, family, format);
    if (format === 'openmetrics') lines.push('# EOF');
    return `${lines.join('\n')}\n`;
  }

  #added<F extends MetricFamily<Value> | MetricFamily<Distribution>>(family: F): F {
    this.#families.push(family as MetricFamily<Value | Distribution>);
    return family;
  }
}

function appendFamily(
  lines: string[],
  family: MetricFamily<Value | Distribution>,
  format: 'prometheus' | 'openmetrics',
): void {
  const { name, help, stability = 'ALPHA' } = family.description;
  const cells = [...family];
  if (cells.length === 0) return;
  // In OpenMetrics a counter's family has the name without its suffix.
  const title = format === 'openmetrics' && family.type === 'counter' ? name.replace(/_total$/, '') : name;
  lines.push(`# HELP ${title} ${escapedHelp(`[${stability}] ${help}`)}`, `# TYPE ${title} ${family.type}`);
  const sampleName = format === 'openmetrics' && family.type === 'counter' ? `${title}_total` : name;
  for (const { labels, cell } of cells) {
    if (cell instanceof Distribution) appendHistogram(lines, { name, labels, limits: family.limits }, cell);
    else lines.push(`${sampleName}${labels && `{${labels}}`} ${number(cell.value)}`);
  }
}

function appendHistogram(
  lines: string[],
  { name, labels, limits }: { name: string; labels: string; limits: readonly number[] },
  { counts, sum, count }: Distribution,
): void {
  const before = labels === '' ? '' : `${labels},`;
  let total = 0;
  for (const [at, limit] of limits.entries()) {
    total += counts[at]!;
    lines.push(`${name}_bucket{${before}le="${limit}"} ${total}`);
  }
  const suffix = labels && `{${labels}}`;
  lines.push(
    `${name}_bucket{${before}le="+Inf"} ${count}`,
    `${name}_sum${suffix} ${number(sum)}`,
    `${name}_count${suffix} ${count}`,
  );
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

function escaped(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (one) => (one === '\n' ? '\\n' : `\\${one}`));
}

function escapedHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
