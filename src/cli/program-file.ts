import { realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * The file that Node runs for a process of ours, however this one was called: by a link, by the launcher
 * `dist/bin/orrery` beside it, or unbuilt.
 */
export function programFile(script: string = process.argv[1]!): string {
  const file = realpathSync(script);
  const folder = dirname(file);
  return basename(folder) === 'bin' && basename(dirname(folder)) === 'dist'
    ? join(dirname(folder), 'orrery.mjs')
    : file;
}

/** The same for a process that is told a command of the container tool: the launcher has it start sooner. */
export function commandFile(script: string = process.argv[1]!): string {
  return realpathSync(script);
}
