import { closeSync, constants, openSync } from 'node:fs';
import { libc } from './libc.ts';

/** Bytes pass the terminal unchanged both ways; Node's own raw mode still makes `CR LF` of each `LF` that is written. */
export function makeTerminalRaw(fd: number): void {
  libc().makeRaw(fd);
}

/** Of a terminal that another process holds; who is in the foreground there hears of it (SIGWINCH). */
export function resizeTerminal(path: string, columns: number, rows: number): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  try {
    libc().resizeTerminal(fd, columns, rows);
  } finally {
    closeSync(fd);
  }
}
