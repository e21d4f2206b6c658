#!/usr/bin/env node
// Runs a script of the checkout on the Node 24 that the product brings, installing what is missing first:
//   node bin/node24.mjs FILE ARGS…
import { installDependencies } from './install.mjs';
import { replaceBy } from './replace-by.mjs';
import { runtime } from './runtime.mjs';

await installDependencies({ all: true });
replaceBy(runtime(), process.argv.slice(2));
