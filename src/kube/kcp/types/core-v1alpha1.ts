import type { KubeObject } from '../../object.ts';
import type { Condition } from './conditions.ts';

export type LogicalClusterPhase =
  | 'Scheduling'
  | 'Initializing'
  | 'Ready'
  | 'Unavailable'
  | 'Inactive'
  | 'Terminating'
  | 'Deleting';

export interface LogicalCluster extends KubeObject {
  spec: LogicalClusterSpec;
  status?: LogicalClusterStatus;
}

export interface LogicalClusterSpec {
  directlyDeletable?: boolean;
  owner?: LogicalClusterOwner;
  createdBy?: OwnerUserInfo;
  initializers?: string[];
  terminators?: string[];
}

export interface LogicalClusterOwner {
  apiVersion: string;
  resource: string;
  name: string;
  namespace?: string;
  cluster: string;
  uid: string;
}

export interface OwnerUserInfo {
  username?: string;
  groups?: string[];
  uid?: string;
  extra?: Record<string, string[]>;
}

export interface LogicalClusterStatus {
  URL?: string;
  phase?: LogicalClusterPhase;
  conditions?: Condition[];
  initializers?: string[];
  terminators?: string[];
}

export interface Shard extends KubeObject {
  spec?: { baseURL: string; externalURL?: string; virtualWorkspaceURL?: string };
  status?: { capacity?: Record<string, string | number>; conditions?: Condition[] };
}
