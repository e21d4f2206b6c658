import { libc } from './libc.ts';

/** Bytes pass the terminal unchanged both ways; Node's own raw mode still makes `CR LF` of each `LF` that is written. */
export function makeTerminalRaw(fd: number): void {
  libc().makeRaw(fd);
}
