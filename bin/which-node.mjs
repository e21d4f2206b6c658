#!/usr/bin/env node
// Prints the path of the Node 24 the product brings, for `orrery image pack`.
import { runtime } from './runtime.mjs';

process.stdout.write(`${runtime() ?? process.execPath}\n`);
