import { type Clock, type Log, NotFound } from '../base/index.ts';
import {
  type Client,
  type EventRecorder,
  type Informer,
  type InformerFactory,
  workspaceOf,
} from '../client/index.ts';
import { type KubeObject, ROOT_WORKSPACE } from '../kube/index.ts';

export interface ControllersConfig {
  /** PEM of the authority that signed the API server's certificate: the content of kube-root-ca.crt. */
  caPem: string;
  /** `10.42.0.0/16`: every node gets a /24 of it. */
  clusterCidr: string;
  /** Bits of a node's pod network. Default 24. */
  nodeCidrMaskSize?: number;
  /** Signs a PKCS #10 request (PEM) with the cluster's authority, giving PEM. Without it nothing is signed. */
  signCertificate?: (
    requestPem: string,
    options: { usages: readonly string[]; seconds: number },
  ) => Promise<string>;
  /** The folder of each node that volumes of class `local-path` are made in; without it there are none. */
  localPathDirectory?: string;
  /** How long a node may be silent before its Ready becomes Unknown. Default 40,000. */
  nodeMonitorGraceMs?: number;
}

/** What every controller is given. */
export interface ControllerContext {
  /** The controller's own: with the rights of its account, and no more. */
  client: Client;
  /** That of another account, for a controller that is two upstream. */
  clientFor(account: string): Client;
  /** Looks across all workspaces, as no controller's own account can: for caches that are not shared. */
  watchClient: Client;
  informers: InformerFactory;
  recorder: EventRecorder;
  clock: Clock;
  log: Log;
  config: ControllersConfig;
}

/** A controller as `createControllers` runs it. */
export interface RunnableController {
  name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Waits for caches, unless `signal` ends the wait; false when it did. */
export async function cachesSynced(
  signal: AbortSignal,
  ...informers: Pick<Informer<KubeObject>, 'synced'>[]
): Promise<boolean> {
  await Promise.race([
    Promise.all(informers.map((informer) => informer.synced())),
    new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }),
  ]);
  return !signal.aborted;
}

/**
 * Whether an object lies in the first workspace, the one that has the cloud's own nodes and authority: an object of
 * such a kind elsewhere is a record that its users keep, and nothing here acts on it.
 */
export function isInRoot(object: KubeObject): boolean {
  return workspaceOf(object) === ROOT_WORKSPACE;
}

/** metav1.Time's form of an instant: whole seconds. */
export function kubeTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Counts as the API writes them: a zero is left out (Go's omitempty), so that what is sent is what is stored. */
export function withoutZeros<T extends Record<string, number>>(counts: T): Partial<T> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) as Partial<T>;
}

/** For `catch`: what is gone already needs nothing more. */
export function ignoreNotFound(error: unknown): undefined {
  if (!(error instanceof NotFound)) throw error;
}
