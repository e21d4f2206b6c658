import { BadRequest, OrreryError } from '../../base/index.ts';
import type { ApiRequest } from './messages.ts';

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * How long a request may take: `?timeout=` as far as the server's own limit lets it, that limit for none and for 0.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/request_deadline.go.
 *
 * @throws BadRequest.
 */
export function allottedMs({ query }: Pick<ApiRequest, 'query'>, limitMs: number): number {
  const text = query?.get('timeout');
  if (!text) return limitMs;
  const asked = durationMs(text);
  return asked > 0 && asked < limitMs ? asked : limitMs;
}

/** Go's time.ParseDuration. */
function durationMs(text: string): number {
  const why = (what: string) =>
    new BadRequest(`invalid timeout specified in the request URL - time: ${what}`);
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  const unsigned = text.slice(sign.length);
  if (unsigned === '0') return 0;
  if (unsigned === '') throw why(`invalid duration ${JSON.stringify(text)}`);
  let sum = 0;
  let rest = unsigned;
  while (rest !== '') {
    const found = /^(\d+(?:\.\d*)?|\.\d+)([^\d.]*)/.exec(rest);
    if (found === null) throw why(`invalid duration ${JSON.stringify(text)}`);
    const [part, amount, unit] = found as unknown as [string, string, string];
    if (unit === '') throw why(`missing unit in duration ${JSON.stringify(text)}`);
    const ms = Object.hasOwn(UNITS_MS, unit) ? UNITS_MS[unit] : undefined;
    if (ms === undefined)
      throw why(`unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    sum += Number(amount) * ms;
    rest = rest.slice(part.length);
  }
  return sign === '-' ? -sum : sum;
}

/** The outcome of `work`, unless it takes too long: then it goes on by itself. @throws OrreryError Timeout (504). */
export function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () =>
        reject(new OrreryError('Timeout', 'Timeout: request did not complete within the allotted timeout')),
      ms,
    );
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
