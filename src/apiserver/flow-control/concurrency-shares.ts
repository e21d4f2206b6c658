import type { flowcontrolv1 } from '../../kube/index.ts';

/** How many seats a priority level has, and between which bounds that moves. */
export interface ConcurrencyBounds {
  nominal: number;
  /** What is left when all that can be lent is. */
  lower: number;
  /** With all it may borrow. */
  upper: number;
}

type LevelSpec = flowcontrolv1.PriorityLevelConfigurationSpec;

/**
 * Divides the server's seats among the levels by their shares.
 * Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller.go finishQueueSetReconfigsLocked.
 */
export function concurrencyBounds(
  levels: ReadonlyMap<string, LevelSpec>,
  serverSeats: number,
): Map<string, ConcurrencyBounds> {
  const shares = (spec: LevelSpec) =>
    (spec.type === 'Exempt' ? spec.exempt : spec.limited)?.nominalConcurrencyShares ??
    (spec.type === 'Exempt' ? 0 : 30);
  let sum = 0;
  for (const spec of levels.values()) sum += shares(spec);
  const bounds = new Map<string, ConcurrencyBounds>();
  for (const [name, spec] of levels) {
    const nominal = sum === 0 ? 0 : Math.ceil((serverSeats * shares(spec)) / sum);
    const { lendablePercent = 0 } = (spec.type === 'Exempt' ? spec.exempt : spec.limited) ?? {};
    const borrowing = spec.type === 'Exempt' ? undefined : spec.limited?.borrowingLimitPercent;
    const borrowable =
      borrowing === undefined || borrowing === null ? serverSeats : Math.round((nominal * borrowing) / 100);
    bounds.set(name, {
      nominal,
      lower: nominal - Math.round((nominal * lendablePercent) / 100),
      upper: nominal + borrowable,
    });
  }
  return bounds;
}

/** What one level wants: its target lies at or above its lower bound. */
export interface SeatClaim {
  target: number;
  lower: number;
  upper: number;
}

const MIN_TARGET = 0.001;
const STEPS = 60;

/**
 * Seats for each claim, in proportion to its target as far as its bounds let it, so that they add up to `total`
 * (or, when the bounds cannot, to the nearest sum). The proportion is found by bisection: the sum rises with it.
 */
export function allocateSeats(
  total: number,
  claims: readonly SeatClaim[],
): { seats: number[]; fairFraction: number } {
  const at = ({ target, lower, upper }: SeatClaim, fraction: number) =>
    Math.max(lower, Math.min(upper, fraction * Math.max(target, MIN_TARGET)));
  const sum = (fraction: number) => claims.reduce((all, claim) => all + at(claim, fraction), 0);
  let low = 0;
  let high = 1;
  const most = claims.reduce((all, { upper }) => all + upper, 0);
  while (sum(high) < Math.min(total, most) - 1e-7 && high < 1e9) high *= 2;
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    if (sum(middle) < total) low = middle;
    else high = middle;
  }
  return { seats: claims.map((claim) => at(claim, high)), fairFraction: high };
}
