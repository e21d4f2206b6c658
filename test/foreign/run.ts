/**
 * Runs programs that others wrote for Kubernetes against our API server, unchanged: docs/foreign-controllers.md.
 *
 *     npm run foreign [-- PROGRAM…] [-- --cache FOLDER]
 *
 * They are fetched from Debian and npm into a cache outside of the checkout. A line a check; exit code 1 when one fails.
 */
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { clientNode } from './client-node.ts';
import { Ground } from './ground.ts';
import { patroni } from './patroni.ts';
import { pepr } from './pepr.ts';
import { python } from './python.ts';

const PROGRAMS = { patroni, pepr, python, 'client-node': clientNode };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cache: { type: 'string', default: join(tmpdir(), 'orrery-foreign') } },
});
const names = (positionals.length > 0 ? positionals : Object.keys(PROGRAMS)) as (keyof typeof PROGRAMS)[];
mkdirSync(values.cache, { recursive: true });
for (const name of names) {
  if (PROGRAMS[name] === undefined)
    throw new Error(`no program ${name}: ${Object.keys(PROGRAMS).join(', ')}`);
  console.log(`# ${name}`);
  const ground = await Ground.start(values.cache);
  try {
    await PROGRAMS[name](ground);
  } catch (error) {
    ground.check(name, false, String(error));
  } finally {
    await ground.stop();
  }
  if (ground.failures > 0) {
    console.log(`what ${name} said is in ${values.cache}`);
    process.exitCode = 1;
  }
}
