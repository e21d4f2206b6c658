#!/usr/bin/env node
// `npm test [-- vitest arguments]`: installs what is missing, then every test.
import { join } from 'node:path';
import { build, checkHostCanRun, fail, installDependencies, installSystemPackages } from './install.mjs';
import { replaceBy } from './replace-by.mjs';
import { checkout, runtime } from './runtime.mjs';

try {
  checkHostCanRun();
  await installDependencies({ all: true });
  await build();
  await installSystemPackages();
} catch (error) {
  fail(error);
}
replaceBy(runtime(), [
  join(checkout, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  ...process.argv.slice(2),
]);
