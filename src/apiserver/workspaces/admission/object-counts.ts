import type { Clock } from '../../../base/index.ts';

/** Older counts are made anew: others may write to the same store, and what is written while it is counted is missed. */
const RECOUNT_MS = 10_000;
/** A workspace that is full is looked at again no oftener, as long as nothing is deleted in it. */
const RETRY_MS = 1000;
/** Workspaces whose counts are kept; of others it is counted again. */
const MOST_KEPT = 1000;

interface Count {
  stored: number;
  /** Let through, and not stored yet. */
  pending: number;
  atMs: number;
  /** Something was deleted since. */
  mayBeLess: boolean;
}

/** Leave to store one object more. */
export interface Room {
  /** Called once. */
  settle(isStored: boolean): void;
}

/**
 * How many objects there are in each workspace that has a limit: counted in the store, then carried along with what is
 * let through. Nothing is kept of a workspace without a limit, or that nobody writes to.
 */
export class ObjectCounts {
  readonly #count: (workspace: string) => Promise<number>;
  readonly #clock: Pick<Clock, 'now'>;
  /** The least recently used first. */
  readonly #kept = new Map<string, Count>();
  readonly #counting = new Map<string, Promise<Count>>();

  constructor(count: (workspace: string) => Promise<number>, clock: Pick<Clock, 'now'>) {
    this.#count = count;
    this.#clock = clock;
  }

  /** Room for one more, or of a workspace that is full how many objects it has. */
  async take(workspace: string, limit: number): Promise<Room | number> {
    let count = await this.#known(workspace, RECOUNT_MS);
    if (isFull(count, limit)) count = await this.#known(workspace, count.mayBeLess ? 0 : RETRY_MS);
    if (isFull(count, limit)) return count.stored + count.pending;
    count.pending += 1;
    const settle = (isStored: boolean) => {
      count.pending -= 1;
      if (isStored) count.stored += 1;
    };
    return { settle };
  }

  noteDeletion(workspace: string): void {
    const count = this.#kept.get(workspace);
    if (count !== undefined) count.mayBeLess = true;
  }

  async #known(workspace: string, oldestMs: number): Promise<Count> {
    const kept = this.#kept.get(workspace);
    if (kept !== undefined && this.#clock.now() - kept.atMs < oldestMs) return kept;
    const counting = this.#counting.get(workspace) ?? this.#recount(workspace);
    this.#counting.set(workspace, counting);
    try {
      return await counting;
    } finally {
      this.#counting.delete(workspace);
    }
  }

  async #recount(workspace: string): Promise<Count> {
    const before = this.#kept.get(workspace);
    if (before !== undefined) before.mayBeLess = false;
    const stored = await this.#count(workspace);
    const count = before ?? { stored, pending: 0, atMs: 0, mayBeLess: false };
    Object.assign(count, { stored, atMs: this.#clock.now() });
    this.#kept.delete(workspace);
    this.#kept.set(workspace, count);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(oldest!);
    return count;
  }
}

function isFull({ stored, pending }: Count, limit: number): boolean {
  return stored + pending >= limit;
}
