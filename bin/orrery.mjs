#!/usr/bin/env node
// The `orrery` command of a checkout: the built program on the Node 24 it brings.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { replaceBy } from './replace-by.mjs';
import { checkout, runtime } from './runtime.mjs';

const program = join(checkout, 'dist', 'orrery.mjs');
const node = runtime();
if (node === undefined || !existsSync(program)) {
  process.stderr.write(`error: Orrery is not built yet\nhint: run 'npm start' in ${checkout} once\n`);
  process.exit(1);
}
replaceBy(node, [program, ...process.argv.slice(2)]);
