/**
 * base: what every room stands on: errors, log, clock, back-off, atomic files, durations, child processes, TOML.
 *
 * Knows no domain: nothing here has heard of Kubernetes, containers or stores. Does no work at import.
 */
export * from './append.ts';
export * from './backoff.ts';
export * from './clock.ts';
export * from './errors.ts';
export * from './files.ts';
export * from './go-duration.ts';
export * from './human-duration.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './processes.ts';
export * from './toml.ts';
