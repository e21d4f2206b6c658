import { BadRequest } from '../../base/index.ts';

const UNITS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's time.ParseDuration: `1m30s`. @throws BadRequest */
export function parseDurationNs(text: string): number {
  let total = 0;
  const rest = text.replace(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g, (_, number: string, unit: string) => {
    total += Number(number) * UNITS[unit]!;
    return '';
  });
  if (text === '' || (rest !== '' && text !== '0'))
    throw new BadRequest(`time: invalid duration ${JSON.stringify(text)}`);
  return total;
}
