const NEVER = '0001-01-01T00:00:00Z';

/** Go's time.Time, from RFC 3339 with up to nine digits of a second; prints as its String method does. */
export class GoTime {
  readonly iso: string;

  constructor(iso: string | undefined) {
    this.iso = iso === undefined || iso === '' ? NEVER : iso;
  }

  get milliseconds(): number {
    return Date.parse(this.iso.replace(/(\.\d{3})\d+/, '$1'));
  }

  toJSON(): string {
    return this.iso.replace(/(\.\d*?)0+(?=[Z+-])/, '$1').replace(/\.(?=[Z+-])/, '');
  }

  toString(): string {
    const match = /^(\S{10})T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(this.iso);
    if (match === null) return this.iso;
    const [, date, time, fraction = '', zone] = match;
    const digits = fraction.replace(/\.?0+$/, '');
    const offset = zone === 'Z' ? '+0000 UTC' : `${zone!.replace(':', '')} ${zone!.replace(':', '')}`;
    return `${date} ${time}${digits} ${offset}`;
  }

  /** Go's layouts, by the reference time `Mon Jan 2 15:04:05 MST 2006`. */
  format(layout: string): string {
    const date = new Date(this.milliseconds);
    const two = (n: number) => String(n).padStart(2, '0');
    const name = (options: Intl.DateTimeFormatOptions) =>
      new Intl.DateTimeFormat('en-US', { timeZone: 'UTC', ...options }).format(date);
    const fraction = (/\.(\d+)/.exec(this.iso)?.[1] ?? '').padEnd(9, '0');
    const parts: Record<string, () => string> = {
      '2006': () => String(date.getUTCFullYear()).padStart(4, '0'),
      January: () => name({ month: 'long' }),
      Jan: () => name({ month: 'short' }),
      Monday: () => name({ weekday: 'long' }),
      Mon: () => name({ weekday: 'short' }),
      'Z07:00': () => 'Z',
      '-0700': () => '+0000',
      '-07:00': () => '+00:00',
      MST: () => 'UTC',
      '01': () => two(date.getUTCMonth() + 1),
      '02': () => two(date.getUTCDate()),
      _2: () => String(date.getUTCDate()).padStart(2, ' '),
      '15': () => two(date.getUTCHours()),
      '03': () => two(date.getUTCHours() % 12 || 12),
      '04': () => two(date.getUTCMinutes()),
      '05': () => two(date.getUTCSeconds()),
      '06': () => two(date.getUTCFullYear() % 100),
      PM: () => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
      '1': () => String(date.getUTCMonth() + 1),
      '2': () => String(date.getUTCDate()),
      '3': () => String(date.getUTCHours() % 12 || 12),
    };
    return layout.replace(
      /2006|January|Jan|Monday|Mon|Z07:00|-07:00|-0700|MST|01|02|_2|15|03|04|05|06|PM|\.0+|\.9+|[123]/g,
      (part) => {
        if (part.startsWith('.0')) return `.${fraction.slice(0, part.length - 1)}`;
        if (part.startsWith('.9')) return `.${fraction.slice(0, part.length - 1)}`.replace(/\.?0+$/, '');
        return parts[part]!();
      },
    );
  }
}

/** Go's time.Duration: a number in JSON, `1m30s` in print. */
export class GoDuration {
  readonly nanoseconds: bigint;

  constructor(nanoseconds: number | bigint) {
    this.nanoseconds = BigInt(nanoseconds);
  }

  toJSON(): number {
    return Number(this.nanoseconds);
  }

  toString(): string {
    const ns = this.nanoseconds;
    if (ns === 0n) return '0s';
    const sign = ns < 0n ? '-' : '';
    const size = ns < 0n ? -ns : ns;
    const decimal = (unit: bigint, name: string) => {
      const rest = String(size % unit).padStart(String(unit).length - 1, '0');
      const fraction = unit === 1n ? '' : `.${rest}`.replace(/\.?0+$/, '');
      return `${sign}${size / unit}${fraction}${name}`;
    };
    if (size < 1_000n) return decimal(1n, 'ns');
    if (size < 1_000_000n) return decimal(1_000n, 'µs');
    if (size < 1_000_000_000n) return decimal(1_000_000n, 'ms');
    const second = 1_000_000_000n;
    const hours = size / (3600n * second);
    const minutes = (size / (60n * second)) % 60n;
    const rest = String(size % second).padStart(9, '0');
    const seconds = `${(size / second) % 60n}${`.${rest}`.replace(/\.?0+$/, '')}s`;
    if (hours > 0n) return `${sign}${hours}h${minutes}m${seconds}`;
    return minutes > 0n ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
  }
}
