#!/usr/bin/env node
// Runs a script of the checkout on the Node 24 that the product brings: `node bin/node24.mjs FILE ARGS…`.
import { spawnSync } from 'node:child_process';
import { runtime } from './runtime.mjs';

const result = spawnSync(runtime(), process.argv.slice(2), { stdio: 'inherit' });
process.exit(result.status ?? 1);
