import type { Clock, Log } from '../../base/index.ts';
import type { Engine } from '../../engine/index.ts';
import type { PodLookup } from '../pod-lookup.ts';

/** What every handler of the node's server works with. */
export interface ServerContext {
  pods: PodLookup;
  engine: Engine;
  log: Log;
  clock: Clock;
}
