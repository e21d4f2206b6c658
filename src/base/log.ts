import { createRequire } from 'node:module';
import type { pino as Pino } from 'pino';

/** A log line is a constant message plus fields; never a secret in either. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
  /** The same log with fields on every line. */
  with(fields: Record<string, unknown>): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

interface PinoLike {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): PinoLike;
}

/**
 * JSON lines on standard error: `{"level":"info","time":"…","msg":"…", …fields}`. pino (20 ms) is loaded here,
 * not at import: most commands never log.
 */
export function createLog(options: { level: LogLevel; name?: string }): Log {
  const { pino } = createRequire(import.meta.url)('pino') as { pino: typeof Pino };
  const root = pino(
    {
      level: options.level,
      base: options.name === undefined ? null : { role: options.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        error: (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : error),
      },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return wrap(root as unknown as PinoLike);
}

function wrap(logger: PinoLike): Log {
  return {
    debug: (message, fields = {}) => logger.debug(fields, message),
    info: (message, fields = {}) => logger.info(fields, message),
    warn: (message, fields = {}) => logger.warn(fields, message),
    error: (message, fields = {}) => logger.error(fields, message),
    with: (fields) => wrap(logger.child(fields)),
  };
}

/** Says nothing; for tests and for callers that have no log. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLog,
};
