import { randomBytes } from 'node:crypto';
import { SeatDemand } from './seat-demand.ts';
import { dealHand } from './shuffle-shard.ts';

/** Source: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset (after KEP-1040). */

/** Without `queuing`, what finds no seat is refused. */
export interface QueueSetConfig {
  queuing: { queues: number; handSize: number; queueLengthLimit: number } | undefined;
}

export type RefusalReason = 'queue-full' | 'concurrency-limit' | 'time-out';

/** No seat was had. */
export class Refused extends Error {
  readonly reason: RefusalReason;

  constructor(reason: RefusalReason) {
    super(reason);
    this.name = 'Refused';
    this.reason = reason;
  }
}

/** Who wants how many seats. */
export interface SeatRequest {
  schema: string;
  distinguisher: string;
  seats: number;
  /** For the dump of what waits. */
  details?: unknown;
}

/** A request from its arrival to its end; what it was granted is itself. */
class Entry implements SeatRequest, Seat {
  readonly schema: string;
  readonly distinguisher: string;
  readonly seats: number;
  readonly details: unknown;
  readonly arrivedMs: number;
  readonly #finish: (entry: Entry) => void;
  startedMs = 0;
  queue: Queue | undefined;
  grant: ((seat: Seat) => void) | undefined;
  timer: NodeJS.Timeout | undefined;
  #released = false;

  constructor(request: SeatRequest, arrivedMs: number, finish: (entry: Entry) => void) {
    this.schema = request.schema;
    this.distinguisher = request.distinguisher;
    this.seats = request.seats;
    this.details = request.details;
    this.arrivedMs = arrivedMs;
    this.#finish = finish;
  }

  get waitedMs(): number {
    return this.startedMs - this.arrivedMs;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#finish(this);
  }
}

interface Queue {
  index: number;
  waiting: Entry[];
  waitingSeats: number;
  executing: number;
  seatsInUse: number;
  /** Virtual time at which its next request may start; in seat-seconds. */
  nextStart: number;
}

/** One or more seats, taken until `release`. */
export interface Seat {
  /** Milliseconds in a queue. */
  waitedMs: number;
  release(): void;
}

export interface QueueDump {
  index: number;
  waiting: readonly Readonly<SeatRequest & { arrivedMs: number }>[];
  executing: number;
  seatsInUse: number;
  nextStart: number;
}

/** What a request is taken to cost until it is known; upstream's 3 ms. */
const ESTIMATED_SECONDS = 0.003;
const REMEMBERED_HANDS = 2000;

/**
 * The seats of one priority level and the queues before them: a flow's requests go to the emptiest queue of its
 * hand, queues are served by fair queuing for server requests in virtual time.
 */
export class QueueSet {
  readonly #now: () => number;
  readonly #waitLimitMs: number;
  readonly #salt = randomBytes(8).toString('latin1');
  readonly #hands = new Map<string, readonly number[]>();
  #config: QueueSetConfig;
  #queues: Queue[] = [];
  #limit: number;
  #virtual = 0;
  #lastMs: number;
  #robin = 0;
  #active = 0;
  readonly #finished = (entry: Entry) => this.#finish(entry);
  readonly demand: SeatDemand;
  seatsInUse = 0;
  executing = 0;
  waiting = 0;
  waitingSeats = 0;

  constructor(config: QueueSetConfig, options: { limit: number; waitLimitMs: number; now: () => number }) {
    this.#now = options.now;
    this.#waitLimitMs = options.waitLimitMs;
    this.#limit = options.limit;
    this.#lastMs = options.now();
    this.demand = new SeatDemand(this.#lastMs);
    this.#config = config;
    this.#addQueues();
  }

  get limit(): number {
    return this.#limit;
  }

  set limit(limit: number) {
    this.#advance();
    this.#limit = limit;
    this.#dispatch();
  }

  get isIdle(): boolean {
    return this.executing === 0 && this.waiting === 0;
  }

  /** Requests that wait stay where they are; queues beyond the new number get none any more. */
  configure(config: QueueSetConfig): void {
    this.#config = config;
    this.#hands.clear();
    this.#addQueues();
    this.#dispatch();
  }

  /** A promise only when there is nothing free. @throws Refused, also by the promise */
  take(request: SeatRequest): Seat | Promise<Seat> {
    this.#advance();
    const { queuing } = this.#config;
    const entry = new Entry(request, this.#lastMs, this.#finished);
    if (queuing === undefined) {
      if (!this.#fits(entry.seats)) throw new Refused('concurrency-limit');
      return this.#start(entry);
    }
    const queue = this.#choose(entry, queuing);
    entry.queue = queue;
    if (this.waiting === 0 && this.#fits(entry.seats)) {
      this.#awake(queue);
      return this.#start(entry);
    }
    if (queue.waiting.length >= queuing.queueLengthLimit) throw new Refused('queue-full');
    return this.#enqueue(entry, queue);
  }

  dump(): QueueDump[] {
    this.#advance();
    return this.#queues.map(({ index, waiting, executing, seatsInUse, nextStart }) => ({
      index,
      waiting,
      executing,
      seatsInUse,
      nextStart,
    }));
  }

  #addQueues(): void {
    const wanted = this.#config.queuing?.queues ?? 0;
    while (this.#queues.length < wanted)
      this.#queues.push({
        index: this.#queues.length,
        waiting: [],
        waitingSeats: 0,
        executing: 0,
        seatsInUse: 0,
        nextStart: 0,
      });
  }

  /** More seats than there are can be had only alone. */
  #fits(seats: number): boolean {
    return seats > this.#limit ? this.executing === 0 : this.seatsInUse + seats <= this.#limit;
  }

  #choose(entry: Entry, queuing: NonNullable<QueueSetConfig['queuing']>): Queue {
    const flow = `${entry.schema}\u0000${entry.distinguisher}`;
    let hand = this.#hands.get(flow);
    if (hand === undefined) {
      hand = dealHand(this.#salt + flow, queuing);
      if (this.#hands.size >= REMEMBERED_HANDS) this.#hands.clear();
      this.#hands.set(flow, hand);
    }
    let best = this.#queues[hand[0]!]!;
    for (const index of hand) {
      const queue = this.#queues[index]!;
      if (queue.waitingSeats + queue.seatsInUse < best.waitingSeats + best.seatsInUse) best = queue;
    }
    return best;
  }

  #enqueue(entry: Entry, queue: Queue): Promise<Seat> {
    this.#awake(queue);
    queue.waiting.push(entry);
    queue.waitingSeats += entry.seats;
    this.waiting++;
    this.waitingSeats += entry.seats;
    this.#noteDemand();
    const seat = new Promise<Seat>((resolve, reject) => {
      entry.grant = resolve;
      entry.timer = setTimeout(() => {
        this.#advance();
        this.#leave(queue, entry);
        reject(new Refused('time-out'));
        this.#dispatch();
      }, this.#waitLimitMs);
    });
    this.#dispatch();
    return seat;
  }

  #leave(queue: Queue, entry: Entry): void {
    queue.waiting.splice(queue.waiting.indexOf(entry), 1);
    queue.waitingSeats -= entry.seats;
    this.waiting--;
    this.waitingSeats -= entry.seats;
    this.#rest(queue);
    this.#noteDemand();
  }

  /** A queue that had nothing to do begins at the present virtual time: idleness is no credit. */
  #awake(queue: Queue): void {
    if (queue.waiting.length > 0 || queue.executing > 0) return;
    this.#active++;
    queue.nextStart = this.#virtual;
  }

  #rest(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.executing === 0) this.#active--;
  }

  #start(entry: Entry): Seat {
    const { queue, seats } = entry;
    entry.startedMs = this.#lastMs;
    this.executing++;
    this.seatsInUse += seats;
    if (queue !== undefined) {
      queue.executing++;
      queue.seatsInUse += seats;
      queue.nextStart += ESTIMATED_SECONDS * seats;
    }
    this.#noteDemand();
    return entry;
  }

  #finish(entry: Entry): void {
    this.#advance();
    const { queue, seats } = entry;
    this.executing--;
    this.seatsInUse -= seats;
    if (queue !== undefined) {
      queue.executing--;
      queue.seatsInUse -= seats;
      // What it cost takes the place of what it was thought to cost.
      queue.nextStart += ((this.#lastMs - entry.startedMs) / 1000 - ESTIMATED_SECONDS) * seats;
      this.#rest(queue);
    }
    this.#noteDemand();
    this.#dispatch();
  }

  #noteDemand(): void {
    this.demand.set(this.seatsInUse + this.waitingSeats, this.#lastMs);
  }

  /** Virtual time passes as fast as every active queue gets seats. */
  #advance(): void {
    const now = this.#now();
    const seconds = (now - this.#lastMs) / 1000;
    this.#lastMs = now;
    if (this.#active === 0 || seconds <= 0) return;
    const seats = Math.min(this.seatsInUse + this.waitingSeats, this.#limit);
    this.#virtual += (seconds * seats) / this.#active;
  }

  #dispatch(): void {
    while (this.waiting > 0) {
      const queue = this.#next();
      const entry = queue?.waiting[0];
      if (queue === undefined || entry === undefined || !this.#fits(entry.seats)) return;
      queue.waiting.shift();
      queue.waitingSeats -= entry.seats;
      this.waiting--;
      this.waitingSeats -= entry.seats;
      clearTimeout(entry.timer);
      this.#robin = queue.index;
      entry.grant!(this.#start(entry));
    }
  }

  /** The queue whose next request would be done first in virtual time; round robin among equals. */
  #next(): Queue | undefined {
    let best: Queue | undefined;
    let earliest = Number.POSITIVE_INFINITY;
    const count = this.#queues.length;
    for (let step = 1; step <= count; step++) {
      const queue = this.#queues[(this.#robin + step) % count]!;
      const head = queue.waiting[0];
      if (head === undefined) continue;
      const finish = queue.nextStart + ESTIMATED_SECONDS * head.seats;
      if (finish < earliest) {
        earliest = finish;
        best = queue;
      }
    }
    return best;
  }
}
