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
