import type { RootlessOutside } from '../../engine/index.ts';
import type {
  Events,
  HealthState,
  NetworkEndpoint,
  Pods,
  Secrets,
  UserNetworks,
  Volumes,
} from '../libpod.ts';
import type { Container } from './stored-container.ts';

/** What containers need of their neighbours. */
export interface ContainerParts {
  events?: Pick<Events, 'append'>;
  networks?: Pick<
    UserNetworks,
    'reservePorts' | 'setUp' | 'tearDown' | 'endpointsOf' | 'inspect' | 'writeNameFiles' | 'shareHostsFile'
  >;
  outside?: Pick<RootlessOutside, 'connect' | 'disconnect'>;
  volumes?: Pick<Volumes, 'create' | 'inspect' | 'exists' | 'mount' | 'unmount' | 'remove' | 'prepare'>;
  secrets?: Pick<Secrets, 'read' | 'inspect'>;
  pods?: Pick<Pods, 'inspect' | 'idOf' | 'list'>;
  lifecycle?: ContainerLifecycle;
}

/** Told of what happens to containers: health checks and restarts. */
export interface ContainerLifecycle {
  started(container: Container): Promise<void>;
  /** People started it: counting restarts begins anew. */
  startedByUser(id: string): Promise<void>;
  ended(container: Container): Promise<void>;
  removed(id: string): Promise<void>;
  stoppedByUser(id: string): Promise<void>;
  /** Waits as its policy says. @returns whether to start it again now. */
  shallRestart(container: Container): Promise<boolean>;
  healthLog?(id: string): Promise<HealthState | undefined>;
  /** Runs its health check once, now. @throws Conflict NotFound */
  checkHealth?(container: Container): Promise<{ status: string; exitCode: number }>;
  facts(
    id: string,
  ): Promise<{ health?: 'starting' | 'healthy' | 'unhealthy'; restarts: number; isWaiting: boolean }>;
}

export type Endpoints = Record<string, NetworkEndpoint>;
