import type { EndpointSettings } from '../create-options.ts';
import type { NetworkSetUp } from '../libpod.ts';

/** What user networks ask of containers' records. */
export interface NetworkedContainers {
  /** @throws NotFound */
  idOf(container: string): Promise<string>;
  /** Of all containers, whatever their state. */
  list(): Promise<NetworkedContainer[]>;
  /** What its next start would give `setUp`. @throws NotFound */
  setUpOf(id: string): Promise<NetworkSetUp>;
  /** Keeps them with the container: they are what it is joined to from now on. */
  setNetworks(id: string, networks: Record<string, EndpointSettings>): Promise<void>;
  /** By force; its pod with it when it is the pod's infra container. */
  remove(id: string, options: { timeoutSeconds?: number }): Promise<void>;
}

export interface NetworkedContainer {
  id: string;
  name: string;
  isRunning: boolean;
  /** Names of the networks it is to be joined to. */
  networks: string[];
  /** Docker's NetworkMode: only a container on bridges can be connected to others. */
  networkMode: string;
}
