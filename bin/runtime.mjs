// Where the Node 24 that the product brings stands, and whether it is there. Plain JavaScript for any Node ≥ 18.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout = dirname(dirname(fileURLToPath(import.meta.url)));

/** The path of the Node 24 binary: the one from npm, or the running one when that is a 24 itself. */
export function runtime() {
  const brought = join(checkout, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  if (existsSync(brought)) return brought;
  if (Number(process.versions.node.split('.')[0]) === 24) return process.execPath;
  return undefined;
}
