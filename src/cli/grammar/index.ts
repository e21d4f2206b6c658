/** The grammar of `docker` and `podman`: command tables, pflag's flags, cobra's behaviour, Podman's words. Knows no command. */
export * from './command.ts';
export * from './command-line.ts';
export * from './flag.ts';
export * from './flag-values.ts';
export { parseCsvLine } from './go-values.ts';
export { UsageError } from './usage-error.ts';
