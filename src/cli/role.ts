import type { Config } from './config.ts';

/** Which roles exist, and what they and the supervisor say to each other over the child's IPC channel. */
export type RoleName = 'server' | 'node';

export type SupervisorMessage = { type: 'start'; config: Config };

export type RoleMessage =
  /** The server has made the kubeconfigs the other roles start with. */
  | { type: 'credentials' }
  | { type: 'ready'; details: Record<string, string> }
  /** The role cannot run at all; trying again will not help until somebody changes something. */
  | { type: 'fatal'; code: string; message: string; hint?: string };

/**
 * How Node runs a role. V8 lets its young generation grow to three times 16 MB and keeps those pages: after a burst a
 * server that holds 25 MB stood at 250. With 4 the work a request takes is the same, within what can be measured
 * (bench/api.ts).
 */
export const ROLE_RUNTIME_FLAGS: readonly string[] = ['--max-semi-space-size=4'];

/**
 * How glibc keeps memory for a role, where the user has not said otherwise. By itself it takes larger and larger
 * blocks from its heap, which then cannot shrink: after 128 clients listed at once a server that holds 40 MB stood at
 * 530. With these, blocks of 128 KB (a list is read in such) go back at once.
 */
export const ROLE_MALLOC: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '262144',
};
