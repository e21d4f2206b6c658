import { BadRequest } from '../../base/index.ts';

/**
 * A number as it is, a percentage of `total` rounded up or down: maxSurge rounds up, maxUnavailable down
 * (k8s.io/apimachinery/pkg/util/intstr.GetScaledValueFromIntOrPercent).
 *
 * @throws BadRequest when it is neither.
 */
export function resolveIntOrPercent(value: number | string, total: number, roundUp: boolean): number {
  if (typeof value === 'number') return value;
  const match = /^([0-9]+)%$/.exec(value);
  if (match === null) {
    throw new BadRequest(
      `invalid value for IntOrString: invalid type: string is not a percentage: ${JSON.stringify(value)}`,
    );
  }
  const scaled = (Number(match[1]) * total) / 100;
  return roundUp ? Math.ceil(scaled) : Math.floor(scaled);
}
