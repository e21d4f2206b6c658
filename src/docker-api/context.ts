import type { Clock, Log } from '../base/index.ts';
import type { Builder } from '../engine/index.ts';
import type { Libpod } from '../libpod/index.ts';

/** What the handlers stand on. */
export interface ApiContext {
  libpod: Libpod;
  builder: Builder;
  facts: ServerFacts;
  log: Log;
  clock: Clock;
}

/** What the server says of itself. */
export interface ServerFacts {
  version: string;
  gitCommit: string;
  isRootless: boolean;
  /** Where images and containers are. */
  dataDirectory: string;
}
