import { OrreryError } from '../../base/index.ts';
import { defaultFlowSchemas, defaultPriorityLevels, type flowcontrolv1 } from '../../kube/index.ts';
import type { ApiRequest, User } from '../http/messages.ts';
import { ALL_WORKSPACES, DEFAULT_WORKSPACE, type RequestInfo } from '../request-info/request-info.ts';
import { allocateSeats, concurrencyBounds } from './concurrency-shares.ts';
import type { FlowMetrics } from './flow-metrics.ts';
import { PriorityLevel } from './priority-level.ts';
import { Refused, type Seat } from './queue-set.ts';
import { type SchemaMatch, schemaMatch } from './schema-match.ts';
import { type ObjectStatistics, seatsOf } from './work-estimate.ts';

type Schema = flowcontrolv1.FlowSchema;
type LevelConfiguration = flowcontrolv1.PriorityLevelConfiguration;

/** The server is busy for this user: 429, come back after `retry-after`. */
export class Overloaded extends OrreryError {
  readonly headers: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string>>) {
    super('TooManyRequests', 'Too many requests, please try again later.');
    this.headers = { 'retry-after': '1', ...headers };
  }
}

/** Leave to work. */
export interface FlowTicket {
  /** Tell the client how it was classified. */
  headers: Readonly<Record<string, string>> | undefined;
  /** Called once. */
  release(): void;
}

/** Bounds what runs at once. */
export interface FlowGate {
  /** A promise only when the request has to wait. @throws Overloaded, also by the promise */
  enter(user: User, info: RequestInfo, request: ApiRequest): FlowTicket | Promise<FlowTicket>;
}

export interface FlowControlOptions {
  /** Seats of all levels together. */
  serverSeats: number;
  waitLimitMs: number;
  metrics: FlowMetrics;
  statistics(group: string, resource: string): ObjectStatistics | undefined;
  /** Milliseconds that only rise. */
  now?: () => number;
}

/** One FlowSchema made ready, with the level it leads to. */
interface Flow {
  name: string;
  match: SchemaMatch;
  level: PriorityLevel;
  distinguisher: string | undefined;
  headers: Readonly<Record<string, string>>;
  cells: FlowCells;
}

const MANDATORY = ['exempt', 'catch-all'];

/** How often seats are lent anew; upstream's borrowingAdjustmentPeriod. */
export const BORROWING_PERIOD_MS = 10_000;

/**
 * API priority and fairness: every request is classified by the FlowSchemas and waits for seats of its priority
 * level. Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go.
 */
export class FlowControl implements FlowGate {
  readonly #options: FlowControlOptions;
  readonly #now: () => number;
  readonly #levels = new Map<string, PriorityLevel>();
  #flows: readonly Flow[] = [];
  /** By users as they were authenticated: what cannot be theirs needs no look at every request. */
  #candidates = new WeakMap<User, readonly Flow[]>();

  constructor(options: FlowControlOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.configure([], []);
  }

  get levels(): Iterable<PriorityLevel> {
    return this.#levels.values();
  }

  /** What counts from now on; the mandatory objects do even when they are missing. */
  configure(schemas: readonly Schema[], levels: readonly LevelConfiguration[]): void {
    this.#configureLevels(withMandatory(levels, defaultPriorityLevels as LevelConfiguration[]));
    const flows: Flow[] = [];
    for (const schema of withMandatory(schemas, defaultFlowSchemas as Schema[]).sort(byPrecedence)) {
      const level = this.#levels.get(schema.spec.priorityLevelConfiguration.name);
      // A dangling schema matches nothing.
      if (level === undefined || level.quiescing) continue;
      const { name, uid = '' } = schema.metadata;
      flows.push({
        name,
        level,
        match: schemaMatch(schema.spec),
        distinguisher: schema.spec.distinguisherMethod?.type,
        headers: {
          'x-kubernetes-pf-flowschema-uid': uid,
          'x-kubernetes-pf-prioritylevel-uid': level.uid,
        },
        cells: cellsOf(this.#options.metrics, level.name, name),
      });
    }
    this.#flows = flows;
    this.#candidates = new WeakMap();
  }

  enter(user: User, info: RequestInfo, request: ApiRequest): FlowTicket | Promise<FlowTicket> {
    const flow = this.#flowOf(user, info);
    const { level, cells } = flow;
    const seats = level.isExempt
      ? 1
      : seatsOf(request, info, {
          statistics:
            info.type === 'resource' && (info.verb === 'list' || info.verb === 'watch')
              ? this.#options.statistics(info.group, info.resource)
              : undefined,
          maxSeats: level.maxSeats,
        });
    cells.estimatedSeats.observe(seats);
    try {
      const seat = level.queues.take({
        schema: flow.name,
        distinguisher: distinguisherOf(flow, user, info),
        seats,
        details: { user: user.name, info },
      });
      return seat instanceof Promise ? this.#wait(flow, seats, seat) : this.#ticket(flow, seats, seat);
    } catch (error) {
      throw this.#refused(flow, error);
    }
  }

  #flowOf(user: User, info: RequestInfo): Flow {
    let candidates = this.#candidates.get(user);
    if (candidates === undefined) {
      candidates = this.#flows.filter(({ match }) => match.concerns(user));
      this.#candidates.set(user, candidates);
    }
    for (const flow of candidates) if (flow.match.matches(user, info)) return flow;
    return this.#flows.at(-1)!;
  }

  /** Lends seats that nobody needs to levels that want them; called every `BORROWING_PERIOD_MS`. */
  adjust(): void {
    const { metrics, serverSeats } = this.#options;
    const now = this.#now();
    const limited: PriorityLevel[] = [];
    const claims = [];
    let exemptSeats = 0;
    for (const level of this.#levels.values()) {
      const { demand } = level.queues;
      const { average, deviation, highWatermark } = demand.take(now);
      metrics.demandAverage.at(level.name).set(average);
      metrics.demandDeviation.at(level.name).set(deviation);
      metrics.demandHigh.at(level.name).set(highWatermark);
      metrics.demandSmoothed.at(level.name).set(demand.smoothed);
      const { nominal, lower, upper } = level.bounds;
      if (level.isExempt) {
        exemptSeats += Math.max(lower, Math.min(nominal, highWatermark));
        continue;
      }
      const least = Math.max(lower, Math.min(nominal, highWatermark));
      const target = Math.max(least, demand.smoothed);
      metrics.targetSeats.at(level.name).set(target);
      limited.push(level);
      claims.push({ target, lower: least, upper });
    }
    const { seats, fairFraction } = allocateSeats(Math.max(0, serverSeats - exemptSeats), claims);
    metrics.fairFraction.at().set(fairFraction);
    for (const [index, level] of limited.entries()) {
      level.queues.limit = Math.round(seats[index]!);
      metrics.currentSeats.at(level.name).set(level.queues.limit);
    }
    this.#forgetIdle();
  }

  #configureLevels(configurations: readonly LevelConfiguration[]): void {
    const { metrics, serverSeats, waitLimitMs } = this.#options;
    const specs = new Map(configurations.map(({ metadata, spec }) => [metadata.name, spec]));
    const bounds = concurrencyBounds(specs, serverSeats);
    for (const { metadata, spec } of configurations) {
      const { name, uid = '' } = metadata;
      const about = { uid, spec, bounds: bounds.get(name)! };
      let level = this.#levels.get(name);
      if (level === undefined) {
        level = new PriorityLevel(name, about, { waitLimitMs, now: this.#now });
        this.#levels.set(name, level);
      } else level.configure(about);
      metrics.nominalSeats.at(name).set(about.bounds.nominal);
      metrics.lowerSeats.at(name).set(about.bounds.lower);
      metrics.upperSeats.at(name).set(about.bounds.upper);
      metrics.currentSeats.at(name).set(level.isExempt ? about.bounds.nominal : level.queues.limit);
    }
    for (const level of this.#levels.values()) if (!specs.has(level.name)) level.quiescing = true;
    this.#forgetIdle();
  }

  #forgetIdle(): void {
    const { nominalSeats, lowerSeats, upperSeats, currentSeats } = this.#options.metrics;
    for (const [name, level] of this.#levels) {
      if (!level.quiescing || !level.queues.isIdle) continue;
      this.#levels.delete(name);
      for (const metric of [nominalSeats, lowerSeats, upperSeats, currentSeats]) metric.remove(name);
    }
  }

  async #wait(flow: Flow, seats: number, seat: Promise<Seat>): Promise<FlowTicket> {
    const { cells } = flow;
    cells.inQueue.add(1);
    cells.inQueueSeats.add(seats);
    try {
      return this.#ticket(flow, seats, await seat);
    } catch (error) {
      throw this.#refused(flow, error);
    } finally {
      cells.inQueue.add(-1);
      cells.inQueueSeats.add(-seats);
    }
  }

  #ticket({ headers, cells }: Flow, seats: number, seat: Seat): FlowTicket {
    const begin = this.#now();
    cells.dispatched.add();
    cells.executing.add(1);
    cells.executingSeats.add(seats);
    cells.waited.observe(seat.waitedMs / 1000);
    return {
      headers,
      release: () => {
        cells.executing.value--;
        cells.executingSeats.value -= seats;
        cells.executed.observe((this.#now() - begin) / 1000);
        seat.release();
      },
    };
  }

  #refused(flow: Flow, error: unknown): unknown {
    if (!(error instanceof Refused)) return error;
    this.#options.metrics.rejected.at(flow.level.name, flow.name, error.reason).add();
    return new Overloaded(flow.headers);
  }
}

/** A workspace is one flow, whoever asks and however many: a flood in one does not hold up another. */
function distinguisherOf({ distinguisher }: Flow, user: User, info: RequestInfo): string {
  const { workspace } = info;
  if (workspace !== DEFAULT_WORKSPACE && workspace !== ALL_WORKSPACES) return `clusters/${workspace}`;
  if (distinguisher === 'ByUser') return user.name;
  if (distinguisher === 'ByNamespace' && info.type === 'resource') return info.namespace ?? '';
  return '';
}

function byPrecedence(a: Schema, b: Schema): number {
  return (
    a.spec.matchingPrecedence! - b.spec.matchingPrecedence! || (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}

function withMandatory<T extends Schema | LevelConfiguration>(
  stored: readonly T[],
  known: readonly T[],
): T[] {
  const missing = known.filter(
    ({ metadata }) =>
      MANDATORY.includes(metadata.name) && !stored.some((one) => one.metadata.name === metadata.name),
  );
  return [...stored, ...missing];
}

/** A flow's own cells: a request then looks up no labels. */
function cellsOf(metrics: FlowMetrics, level: string, schema: string) {
  return {
    dispatched: metrics.dispatched.at(level, schema),
    executing: metrics.executing.at(level, schema),
    executingSeats: metrics.executingSeats.at(level, schema),
    inQueue: metrics.inQueue.at(level, schema),
    inQueueSeats: metrics.inQueueSeats.at(level, schema),
    waited: metrics.waited.at(level, schema, 'true'),
    executed: metrics.executed.at(level, schema, 'regular'),
    estimatedSeats: metrics.estimatedSeats.at(level, schema),
  };
}

type FlowCells = ReturnType<typeof cellsOf>;
