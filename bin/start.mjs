#!/usr/bin/env node
// `npm start [-- flags of orrery up]`: from a fresh clone to a running cloud.
import { join } from 'node:path';
import {
  build,
  checkHostCanRun,
  fail,
  installDependencies,
  installSystemPackages,
  linkCommand,
} from './install.mjs';
import { replaceBy } from './replace-by.mjs';
import { checkout, runtime } from './runtime.mjs';

const args = process.argv.slice(2);
try {
  checkHostCanRun();
  await installDependencies({ all: false });
  await build();
  // Asking for help installs no system package.
  if (!args.some((a) => a === '--help' || a === '-h')) {
    await installSystemPackages();
    linkCommand();
  }
} catch (error) {
  fail(error);
}
replaceBy(runtime(), [join(checkout, 'dist', 'orrery.mjs'), 'up', ...args]);
