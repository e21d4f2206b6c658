const UNITS_NS: Readonly<Record<string, number>> = {
  ...{ ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6 },
  ...{ s: 1e9, m: 60e9, h: 3600e9 },
};

/** The two letters µ are the micro sign and the Greek mu: Go takes both. */
const PART = /(\d+)?(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;

/**
 * Go's time.ParseDuration: `300ms`, `-1.5h`, `2h45m`, `0`. What is less than a nanosecond is cut off.
 * @returns nanoseconds, exact below 2^53 (104 days); undefined for what is no duration, or more than 2^63-1 ns
 */
export function parseGoDurationNs(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const body = text.replace(/^[+-]/, '');
  if (body === '0') return 0;
  if (body === '') return undefined;
  let total = 0;
  for (let at = 0; at < body.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const [, whole = '', fraction = '', unit] = PART.exec(body) ?? [];
    if (unit === undefined || (whole === '' && fraction === '')) return undefined;
    const unitNs = UNITS_NS[unit]!;
    total += Number(whole) * unitNs + Math.trunc(Number(fraction) * (unitNs / 10 ** fraction.length));
  }
  return total < 2 ** 63 ? sign * total || 0 : undefined;
}

/** @returns milliseconds with their fraction. See `parseGoDurationNs`. */
export function parseGoDurationMs(text: string): number | undefined {
  const nanoseconds = parseGoDurationNs(text);
  return nanoseconds === undefined ? undefined : nanoseconds / 1e6;
}
