import type { LibpodOptions } from '../libpod.ts';

/** What the process that runs health checks is told, in `health/monitor.json`. */
export interface MonitorSettings {
  /** The runtime's program. */
  runc: string;
  self: readonly string[];
  events?: LibpodOptions['events'];
}
