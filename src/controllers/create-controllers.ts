import { type Clock, type Log, messageOf } from '../base/index.ts';
import { type Client, type EventRecorder, InformerFactory } from '../client/index.ts';
import { CrdRegistrationController } from './api-service/crd-registration-controller.ts';
import { ApiBinderController } from './apibinder/apibinder-controller.ts';
import { ApiBindingController } from './apibinding/api-binding-controller.ts';
import { ApiExportController } from './apiexport/api-export-controller.ts';
import { ApiExportEndpointController } from './apiexport/api-export-endpoint-controller.ts';
import { BootstrapTokenCleaner } from './bootstrap-token-cleaner/bootstrap-token-cleaner.ts';
import { CertificateApprovalController } from './certificates/certificate-approval-controller.ts';
import { CertificateCleaner } from './certificates/certificate-cleaner.ts';
import { CertificateSigningController } from './certificates/certificate-signing-controller.ts';
import { ClusterRoleAggregationController } from './clusterrole-aggregation/clusterrole-aggregation-controller.ts';
import type { ControllerContext, ControllersConfig, RunnableController } from './context.ts';
import { CronJobController } from './cronjob/cronjob-controller.ts';
import { DaemonSetController } from './daemonset/daemonset-controller.ts';
import { DefaultNamespaceController } from './default-namespace/default-namespace-controller.ts';
import { DeploymentController } from './deployment/deployment-controller.ts';
import { DisruptionController } from './disruption/disruption-controller.ts';
import { EndpointSliceController } from './endpointslice/endpointslice-controller.ts';
import { EndpointSliceMirroringController } from './endpointslicemirroring/endpointslice-mirroring-controller.ts';
import { EphemeralVolumeController } from './ephemeral-volume/ephemeral-volume-controller.ts';
import { FlowSchemaController } from './flow-schema/flow-schema-controller.ts';
import { GarbageCollector } from './garbage-collector/garbage-collector.ts';
import { JobController } from './job/job-controller.ts';
import { LocalPathProvisioner } from './local-path/local-path-provisioner.ts';
import { LogicalClusterController } from './logicalcluster/logicalcluster-controller.ts';
import { LogicalClusterDeletionController } from './logicalcluster-deletion/logicalcluster-deletion-controller.ts';
import { NamespaceController } from './namespace/namespace-controller.ts';
import { NodeIpamController } from './node-ipam/node-ipam-controller.ts';
import { NodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
import { PodGarbageCollector } from './node-lifecycle/pod-garbage-collector.ts';
import { TaintEvictionController } from './node-lifecycle/taint-eviction-controller.ts';
import { PersistentVolumeController } from './persistent-volume/persistent-volume-controller.ts';
import { HorizontalPodAutoscalerController } from './podautoscaler/horizontal-controller.ts';
import { ReplicaSetController } from './replicaset/replicaset-controller.ts';
import { ReplicationControllerController } from './replicationcontroller/replicationcontroller-controller.ts';
import { ServiceCidrController } from './service-cidr/service-cidr-controller.ts';
import { ServiceLoadBalancerController } from './service-load-balancer/service-load-balancer-controller.ts';
import { ServiceAccountController } from './serviceaccount/serviceaccount-controller.ts';
import { ServiceAccountTokenCleaner } from './serviceaccount-token-cleaner/serviceaccount-token-cleaner.ts';
import { StatefulSetController } from './statefulset/statefulset-controller.ts';
import { VolumeExpandController } from './volume-expand/volume-expand-controller.ts';
import { ClaimProtectionController } from './volume-protection/claim-protection-controller.ts';
import { VolumeProtectionController } from './volume-protection/volume-protection-controller.ts';
import { WorkspaceController } from './workspace/workspace-controller.ts';
import { WorkspaceTypeController } from './workspacetype/workspacetype-controller.ts';

export interface ControllersOptions {
  /** What the controllers share: caches of everything, in all workspaces. */
  client: Client;
  /** The API as a service account of kube-system sees it: each controller has rights of its own. */
  clientFor(account: string): Client;
  /** Somebody runs it (BackgroundEventRecorder.run). */
  recorder: EventRecorder;
  clock: Clock;
  log: Log;
  config: ControllersConfig;
  /** Shared with the scheduler, so that each kind is watched once. Made here and run by `run` in any case. */
  informers?: InformerFactory;
}

export interface Controllers {
  informers: InformerFactory;
  /** Runs the caches and all controllers until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when all caches that the controllers asked for are whole. */
  ready(): Promise<void>;
}

const RESTART_MS = 1_000;

type ControllerClass = new (context: ControllerContext) => RunnableController;

/**
 * Each with its account in kube-system, which has the default role `system:controller:<account>`; without one it works
 * as `system:kube-controller-manager` itself. Source: k8s.io/kubernetes/cmd/kube-controller-manager/app.
 */
const CONTROLLERS: readonly (readonly [ControllerClass, account?: string])[] = [
  [ServiceAccountController, 'service-account-controller'],
  [DeploymentController, 'deployment-controller'],
  [ReplicaSetController, 'replicaset-controller'],
  [ReplicationControllerController, 'replication-controller'],
  [JobController, 'job-controller'],
  [CronJobController, 'cronjob-controller'],
  [StatefulSetController, 'statefulset-controller'],
  [DaemonSetController, 'daemon-set-controller'],
  [DisruptionController, 'disruption-controller'],
  [HorizontalPodAutoscalerController, 'horizontal-pod-autoscaler'],
  [EndpointSliceController, 'endpointslice-controller'],
  [EndpointSliceMirroringController, 'endpointslicemirroring-controller'],
  [ServiceCidrController, 'service-cidrs-controller'],
  [NamespaceController, 'namespace-controller'],
  [NodeIpamController, 'node-controller'],
  [NodeLifecycleController, 'node-controller'],
  [TaintEvictionController, 'node-controller'],
  [PodGarbageCollector, 'pod-garbage-collector'],
  [ServiceLoadBalancerController, 'service-controller'],
  [CertificateApprovalController, 'certificate-controller'],
  [CertificateSigningController, 'certificate-controller'],
  [CertificateCleaner, 'certificate-controller'],
  [FlowSchemaController, 'flow-schema-controller'],
  [CrdRegistrationController, 'crd-registration-controller'],
  [ClusterRoleAggregationController, 'clusterrole-aggregation-controller'],
  [BootstrapTokenCleaner, 'token-cleaner'],
  [ServiceAccountTokenCleaner],
  [PersistentVolumeController, 'persistent-volume-binder'],
  [ClaimProtectionController, 'pvc-protection-controller'],
  [VolumeProtectionController, 'pv-protection-controller'],
  [EphemeralVolumeController, 'ephemeral-volume-controller'],
  [VolumeExpandController, 'expand-controller'],
  [LocalPathProvisioner, 'local-path-provisioner'],
  [GarbageCollector, 'generic-garbage-collector'],
  [ApiExportController, 'apiexport-controller'],
  [ApiExportEndpointController, 'apiexportendpointslice-controller'],
  [ApiBindingController, 'apibinding-controller'],
  [WorkspaceController, 'workspace-controller'],
  [WorkspaceTypeController, 'workspacetype-controller'],
  [LogicalClusterController, 'logicalcluster-controller'],
  [LogicalClusterDeletionController, 'logicalcluster-deletion-controller'],
  [DefaultNamespaceController, 'default-namespace-controller'],
  [ApiBinderController, 'apibinder-controller'],
];

/**
 * All controllers over one set of caches.
 *
 * @throws BadRequest when the configuration is wrong (clusterCidr).
 */
export function createControllers(options: ControllersOptions): Controllers {
  const { client, clientFor, recorder, clock, log, config } = options;
  const informers = options.informers ?? new InformerFactory({ client, clock, log });
  const shared = { informers, watchClient: client.in('*'), clientFor, recorder, clock, log, config };
  const controllers = CONTROLLERS.map(
    ([Controller, account]) =>
      new Controller({ ...shared, client: account === undefined ? client : clientFor(account) }),
  );
  return {
    informers,
    ready: () => informers.synced(),
    run: async (signal) => {
      await Promise.all([
        informers.run(signal),
        ...controllers.map((controller) => keepRunning(controller, options, signal)),
      ]);
    },
  };
}

/** A controller that fails as a whole starts again; the others do not notice. */
async function keepRunning(
  controller: RunnableController,
  { clock, log }: Pick<ControllerContext, 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await controller.run(signal);
      if (!signal.aborted) log.error('controller ended by itself', { controller: controller.name });
    } catch (error) {
      if (signal.aborted) return;
      log.error('controller failed', { controller: controller.name, why: messageOf(error), error });
    }
    // Rejects only because of the signal, which ends the loop.
    if (!signal.aborted) await clock.sleep(RESTART_MS, signal).catch(() => undefined);
  }
}
