/** How fast the smoothed demand forgets a busy time; upstream's seatDemandSmoothingCoefficient. */
const SMOOTHING = 0.977;

export interface DemandStatistics {
  average: number;
  deviation: number;
  highWatermark: number;
}

/** How many seats were wanted over time: in use and waited for. */
export class SeatDemand {
  #value = 0;
  #since: number;
  #begin: number;
  #integral = 0;
  #squares = 0;
  #high = 0;
  smoothed = 0;

  constructor(nowMs: number) {
    this.#since = nowMs;
    this.#begin = nowMs;
  }

  set(value: number, nowMs: number): void {
    this.#advance(nowMs);
    this.#value = value;
    if (value > this.#high) this.#high = value;
  }

  /** Of the time since the last call; the smoothed demand follows. */
  take(nowMs: number): DemandStatistics {
    this.#advance(nowMs);
    const duration = nowMs - this.#begin;
    const average = duration > 0 ? this.#integral / duration : this.#value;
    const variance = duration > 0 ? this.#squares / duration - average * average : 0;
    const deviation = Math.sqrt(Math.max(0, variance));
    const highWatermark = this.#high;
    this.#begin = nowMs;
    this.#integral = 0;
    this.#squares = 0;
    this.#high = this.#value;
    const envelope = average + deviation;
    this.smoothed = Math.max(envelope, SMOOTHING * this.smoothed + (1 - SMOOTHING) * envelope);
    return { average, deviation, highWatermark };
  }

  #advance(nowMs: number): void {
    const passed = nowMs - this.#since;
    this.#since = nowMs;
    this.#integral += this.#value * passed;
    this.#squares += this.#value * this.#value * passed;
  }
}
