import type { HealthConfig } from '../create-options.ts';

/** A container's health check with nothing left open; times in milliseconds. */
export interface HealthCheckPlan {
  command: string[];
  /** 0: never by itself, only when asked for. */
  intervalMs: number;
  timeoutMs: number;
  startPeriodMs: number;
  startIntervalMs: number;
  retries: number;
}

const NS_PER_MS = 1_000_000;
const DEFAULTS = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, startIntervalMs: 0, retries: 3 };

/**
 * The container's own settings over the image's HEALTHCHECK; what neither says is Docker's default
 * (Dockerfile reference, HEALTHCHECK). A negative interval is `--health-interval=disable`.
 *
 * @returns undefined when there is none, or it was turned off (`NONE`).
 */
export function healthCheckPlan(
  own: HealthConfig | undefined,
  image?: HealthConfig,
  shell: readonly string[] = ['/bin/sh', '-c'],
): HealthCheckPlan | undefined {
  const test = own?.Test !== undefined && own.Test.length > 0 ? own.Test : image?.Test;
  const command = commandOf(test, shell);
  if (command === undefined) return undefined;
  const pick = (
    key: 'Interval' | 'Timeout' | 'StartPeriod' | 'StartInterval',
    fallbackMs: number,
  ): number => {
    const ns = own?.[key] || image?.[key] || fallbackMs * NS_PER_MS;
    return Math.max(0, ns / NS_PER_MS);
  };
  return {
    command,
    intervalMs: pick('Interval', DEFAULTS.intervalMs),
    timeoutMs: pick('Timeout', DEFAULTS.timeoutMs),
    startPeriodMs: pick('StartPeriod', DEFAULTS.startPeriodMs),
    startIntervalMs: pick('StartInterval', DEFAULTS.startIntervalMs),
    retries: own?.Retries || image?.Retries || DEFAULTS.retries,
  };
}

function commandOf(test: readonly string[] | undefined, shell: readonly string[]): string[] | undefined {
  const [kind, ...rest] = test ?? [];
  switch (kind) {
    case undefined:
    case '':
    case 'NONE':
      return undefined;
    case 'CMD':
      return rest.length === 0 || rest[0] === '' ? undefined : rest;
    case 'CMD-SHELL':
      return rest.join(' ') === '' ? undefined : [...shell, rest.join(' ')];
    default:
      return [...test!];
  }
}
