import type { flowcontrolv1 } from '../../kube/index.ts';
import type { ConcurrencyBounds } from './concurrency-shares.ts';
import { QueueSet, type QueueSetConfig } from './queue-set.ts';

type LevelSpec = flowcontrolv1.PriorityLevelConfigurationSpec;

/** One priority level at work. */
export class PriorityLevel {
  readonly name: string;
  readonly queues: QueueSet;
  uid: string;
  isExempt: boolean;
  bounds: ConcurrencyBounds;
  /** Gone from the configuration, its last requests still here. */
  quiescing = false;

  constructor(
    name: string,
    about: { uid: string; spec: LevelSpec; bounds: ConcurrencyBounds },
    options: { waitLimitMs: number; now: () => number },
  ) {
    this.name = name;
    this.uid = about.uid;
    this.isExempt = about.spec.type === 'Exempt';
    this.bounds = about.bounds;
    this.queues = new QueueSet(queuingOf(about.spec), {
      ...options,
      limit: this.isExempt ? Number.POSITIVE_INFINITY : about.bounds.nominal,
    });
  }

  /** A limit that was borrowed stays as far as the new bounds let it. */
  configure(about: { uid: string; spec: LevelSpec; bounds: ConcurrencyBounds }): void {
    const { bounds, spec, uid } = about;
    const wasSame = this.bounds.nominal === bounds.nominal && !this.isExempt;
    this.uid = uid;
    this.bounds = bounds;
    this.isExempt = spec.type === 'Exempt';
    this.quiescing = false;
    this.queues.configure(queuingOf(spec));
    if (this.isExempt) this.queues.limit = Number.POSITIVE_INFINITY;
    else {
      const limit = wasSame ? this.queues.limit : bounds.nominal;
      this.queues.limit = Math.min(bounds.upper, Math.max(bounds.lower, limit));
    }
  }

  /** What one request may take of it; upstream's 15 percent. */
  get maxSeats(): number {
    return Math.max(1, Math.ceil(this.bounds.nominal * 0.15));
  }
}

function queuingOf({ limited }: LevelSpec): QueueSetConfig {
  if (limited?.limitResponse?.type !== 'Queue') return { queuing: undefined };
  const { queues, handSize, queueLengthLimit } = limited.limitResponse.queuing ?? {};
  return {
    queuing: {
      queues: queues || 64,
      handSize: handSize || 8,
      queueLengthLimit: queueLengthLimit || 50,
    },
  };
}
