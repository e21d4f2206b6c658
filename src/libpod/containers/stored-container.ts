import type { ContainerState, IdMappings } from '../../engine/index.ts';
import type { ContainerConfig, CreateOptions, EndpointSettings, HostConfig } from '../create-options.ts';
import type { PublishedPort } from '../libpod.ts';

/** What is put somewhere into a container, resolved when it is created. */
export interface StoredMount {
  type: 'bind' | 'volume' | 'tmpfs' | 'image' | 'devpts';
  /** The volume's name, or the image's reference. */
  name?: string;
  /** A path on the host; that of a volume is known when it is mounted. */
  source: string;
  destination: string;
  options: string[];
  /** The volume was made for this container alone and goes with it. */
  isAnonymous?: boolean;
  noCopy?: boolean;
  subpath?: string;
}

/** What is fixed when a container is created: `details` of the engine's record. */
export interface StoredContainer {
  options: CreateOptions;
  /** The caller's over the image's. */
  config: ContainerConfig;
  hostConfig: HostConfig;
  /** Its name as people are shown it. */
  image: string;
  command: string[];
  mounts: StoredMount[];
  networks: Record<string, EndpointSettings>;
  ports: PublishedPort[];
  /** Ids of containers that must run before it. */
  dependencies: string[];
  podId?: string;
  podName?: string;
  /** Of its user namespace. */
  idMappings?: IdMappings;
  isInfra: boolean;
  stopTimeoutSeconds: number;
}

/** What changes while it lives; a file of its own beside the record. */
export interface RunRecord {
  /** People have stopped it: its restart policy rests. */
  stoppedByUser?: boolean;
  /** Why its last start failed. */
  error?: string;
  /** Set while something of its last run is still to be given back. */
  isUnclean?: boolean;
  /** Mounts by `mount`, counted. */
  mounts?: number;
}

/** A container as it is now. */
export interface Container {
  id: string;
  name: string;
  state: ContainerState;
  stored: StoredContainer;
}
