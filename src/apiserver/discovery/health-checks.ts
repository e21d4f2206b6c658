import { OrreryError } from '../../base/index.ts';
import type { Store } from '../../store/index.ts';
import type { HealthCheck } from './health.ts';

/** What is done one after the other while the server starts. */
export type StartPhase = 'definitions' | 'aggregation' | 'objects' | 'flow';

/**
 * kube-apiserver's names for what a start consists of, and which of our phases does it.
 * Source: k8s.io/kubernetes/test/e2e/apimachinery/health_handlers.go.
 */
const HOOKS: readonly (readonly [name: string, phase: StartPhase])[] = [
  ['poststarthook/start-apiserver-admission-initializer', 'objects'],
  ['poststarthook/generic-apiserver-start-informers', 'flow'],
  ['poststarthook/priority-and-fairness-config-consumer', 'flow'],
  ['poststarthook/priority-and-fairness-filter', 'flow'],
  ['poststarthook/priority-and-fairness-config-producer', 'objects'],
  ['poststarthook/start-apiextensions-informers', 'definitions'],
  ['poststarthook/start-apiextensions-controllers', 'definitions'],
  ['poststarthook/crd-informer-synced', 'definitions'],
  ['poststarthook/start-system-namespaces-controller', 'objects'],
  ['poststarthook/bootstrap-controller', 'objects'],
  ['poststarthook/rbac/bootstrap-roles', 'objects'],
  ['poststarthook/scheduling/bootstrap-system-priority-classes', 'objects'],
  ['poststarthook/start-cluster-authentication-info-controller', 'objects'],
  ['poststarthook/start-kube-aggregator-informers', 'aggregation'],
  ['poststarthook/apiservice-registration-controller', 'aggregation'],
  ['poststarthook/apiservice-status-local-available-controller', 'aggregation'],
  ['poststarthook/apiservice-status-remote-available-controller', 'aggregation'],
  ['poststarthook/apiservice-discovery-controller', 'aggregation'],
  ['poststarthook/kube-apiserver-autoregistration', 'objects'],
  ['autoregister-completion', 'objects'],
  ['poststarthook/apiservice-openapi-controller', 'aggregation'],
  ['poststarthook/apiservice-openapiv3-controller', 'aggregation'],
];

/** What /livez, /readyz and /healthz ask. `etcd` is the store, whatever keeps it. */
export function healthChecks(parts: {
  store: Store;
  phases: ReadonlySet<StartPhase>;
  /** Aborted when the server has been told to stop. */
  stopping: AbortSignal;
}): HealthCheck[] {
  const { store, phases, stopping } = parts;
  const reached = (phase: StartPhase) => () => {
    if (!phases.has(phase)) throw new OrreryError('ServiceUnavailable', 'not finished');
  };
  return [
    { name: 'ping', check: () => undefined },
    {
      name: 'log',
      check: () => {
        if (!process.stderr.writable) throw new OrreryError('ServiceUnavailable', 'logging blocked');
      },
    },
    { name: 'etcd', check: async () => void (await store.get('/health')) },
    { name: 'etcd-readiness', readinessOnly: true, check: async () => void (await store.get('/health')) },
    { name: 'store-writes', readinessOnly: true, check: () => checkWrites(store) },
    { name: 'informer-sync', readinessOnly: true, check: reached('flow') },
    ...HOOKS.map(([name, phase]) => ({ name, check: reached(phase) })),
    {
      name: 'shutdown',
      readinessOnly: true,
      check: () => {
        if (stopping.aborted) throw new OrreryError('ServiceUnavailable', 'process is shutting down');
      },
    },
  ];
}

function checkWrites(store: Store): void {
  const failure = store.writeFailure?.();
  if (failure !== undefined)
    throw new OrreryError('ServiceUnavailable', `the last write was not stored: ${failure.code}`);
}
