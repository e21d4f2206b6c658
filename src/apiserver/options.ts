import type { Clock, Log } from '../base/index.ts';
import type { Descriptions } from '../kube/index.ts';
import type { Store } from '../store/index.ts';
import type { AuditOptions } from './audit/audit.ts';
import type { RequestHeaderConfig } from './authentication/request-header.ts';
import type { User } from './http/messages.ts';
import type { PkiPaths } from './pki/pki.ts';
import type { RuntimeConfig } from './registry/runtime-config.ts';

/** The API server's slice of the configuration. */
export interface ApiServerOptions {
  store: Store;
  /** From `ensurePki(…).paths`. */
  pki: PkiPaths;
  /** Called once a day: `ensurePki` again. Default: certificates are only read again, and shown when they are new. */
  renewPki?: () => Promise<unknown>;
  log: Log;
  /** This product's version: `0.1.0`. */
  productVersion: string;
  /** Default 10.43.0.0/16. */
  serviceCidr?: string;
  /** Default 30000-32767. */
  nodePortRange?: { first: number; last: number };
  /** Of this host, in the Lease this server is known by. Default: the address it advertises. */
  hostname?: string;
  /** Other servers may work on the same store. Default false. */
  isShared?: boolean;
  /** Where others reach this server: the Endpoints of the `kubernetes` Service. */
  advertise: { address: string; port: number };
  /** Bearer tokens that do not change while the server runs. */
  staticTokens?: readonly { token: string; user: User }[];
  /** A file with Kubernetes' AuthenticationConfiguration (JWT issuers, anonymous access), read once. Default: none. */
  authenticationConfigFile?: string;
  /** Which beta versions are not served. Default: all are. */
  runtimeConfig?: RuntimeConfig;
  /** A front proxy before this server that says for whom a request is. Default: only our own, before extension API servers. */
  requestHeaders?: RequestHeaderConfig;
  /** Which admission plug-ins run, by kube-apiserver's names; and Kubernetes' AdmissionConfiguration, a file. */
  admission?: { enable?: readonly string[]; disable?: readonly string[]; configFile?: string };
  /** Kubernetes' audit Policy, and the file its events go to. Default: nothing is written down. */
  audit?: AuditOptions;
  /** Descriptions for `kubectl explain`, loaded when OpenAPI is first asked for. Default: none. */
  loadDescriptions?: () => Promise<Descriptions>;
  /** Parsed objects kept for selectors, tables and watches, by size of their JSON. Default 16 MiB. */
  decodedCacheLimitBytes?: number;
  /** What bounds requests; kube-apiserver's flags of these names. */
  limits?: Partial<RequestLimits>;
  clock?: Clock;
}

/** kube-apiserver's flags, and one of kcp's, in their own words. */
export interface RequestLimits {
  enablePriorityAndFairness: boolean;
  /** Together the seats of all priority levels; without these, two caps. */
  maxRequestsInflight: number;
  maxMutatingRequestsInflight: number;
  /** A request that is no watch, log or stream ends after it: 504. */
  requestTimeoutMs: number;
  /** A watch without a timeout of its own lives one to two of these. */
  minRequestTimeoutMs: number;
  /** The share of HTTP/2 requests whose connection is told to go and be opened anew, perhaps to another server. */
  goawayChance: number;
  /** How long /readyz says no before the port is closed. */
  shutdownDelayMs: number;
  /** A watcher that leaves unread for so long what lies ready for it is ended. */
  stallLimitMs: number;
  /** Connections of one address at a time; loopback counts as any other. */
  maxConnectionsPerClient: number;
  /** Objects of a workspace whose LogicalCluster does not say how many; not of root. 0: any number. kcp's flag. */
  logicalClusterTotalObjectLimit: number;
}

export const DEFAULT_LIMITS: RequestLimits = {
  enablePriorityAndFairness: true,
  maxRequestsInflight: 400,
  maxMutatingRequestsInflight: 200,
  requestTimeoutMs: 60_000,
  minRequestTimeoutMs: 1_800_000,
  goawayChance: 0,
  shutdownDelayMs: 0,
  stallLimitMs: 30_000,
  maxConnectionsPerClient: 4000,
  logicalClusterTotalObjectLimit: 0,
};

export const DEFAULT_SERVICE_CIDR = '10.43.0.0/16';
export const DEFAULT_NODE_PORT_RANGE = { first: 30_000, last: 32_767 };
