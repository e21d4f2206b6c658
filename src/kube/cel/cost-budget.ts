import { CelCostExceeded } from './cel-value.ts';

/** What one expression may cost; k8s.io/apiserver/pkg/apis/cel PerCallLimit. */
export const PER_CALL_LIMIT = 1_000_000;
/** What all rules of one object may cost; RuntimeCELCostBudget. */
export const RUNTIME_BUDGET = 10_000_000;

/** Counts the cost units of an evaluation, about one for a step and one for ten characters looked at. */
export class CostBudget {
  readonly #limit: number;
  #spent = 0;

  constructor(limit: number = PER_CALL_LIMIT) {
    this.#limit = limit;
  }

  get spent(): number {
    return Math.ceil(this.#spent);
  }

  /** @throws CelCostExceeded */
  spend(units: number): void {
    this.#spent += units;
    if (this.#spent > this.#limit) throw new CelCostExceeded();
  }
}
