import type { Clock, Log } from '../../base/index.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import type { ResourceCatalog } from '../registry/catalog.ts';
import type { ObjectStorage } from '../storage/object-storage.ts';
import {
  MutatingAdmissionWebhook,
  ValidatingAdmissionWebhook,
  type WebhookParts,
} from '../webhooks/admission-webhooks.ts';
import { VersionConverter } from '../webhooks/attributes.ts';
import { RequestMatcher } from '../webhooks/rules.ts';
import { WebhookClient } from '../webhooks/webhook-client.ts';
import { apisPlugins } from '../workspaces/admission/apis-plugins.ts';
import { workspacePlugins } from '../workspaces/admission/workspace-plugins.ts';
import type { WorkspaceDirectory } from '../workspaces/workspace-directory.ts';
import type { AdmissionPlugin, StoredObjects } from './admission.ts';
import type { PluginConfigurations } from './admission-configuration.ts';
import type { AdmissionObserver } from './admission-observer.ts';
import { alwaysAdmit, alwaysDeny, alwaysPullImages } from './always.ts';
import { CertificateAdmission } from './certificates.ts';
import { PersistentVolumeClaimResize } from './claim-resize.ts';
import { DefaultIngressClass } from './default-ingress-class.ts';
import { DefaultStorageClass } from './default-storage-class.ts';
import { IndexedObjects } from './indexed-objects.ts';
import { LimitRanger } from './limit-ranger.ts';
import { NamespaceExists, NamespaceLifecycle } from './namespace-lifecycle.ts';
import { NodeRestriction } from './node-restriction.ts';
import { taintNodesByCondition } from './node-taint.ts';
import { OwnerReferencesPermissionEnforcement } from './owner-references.ts';
import { enabledPlugins, isPluginName, type PluginChoice } from './plugin-names.ts';
import { defaultTolerationSeconds } from './pod-defaults.ts';
import { extendedResourceToleration, limitPodHardAntiAffinityTopology } from './pod-rules.ts';
import { PodSecurity } from './pod-security.ts';
import { PodTopologyLabels } from './pod-topology-labels.ts';
import { Decisions } from './policies/authorizer-value.ts';
import { EvaluationContext, meetsConditions } from './policies/expressions.ts';
import { MutatingAdmissionPolicyPlugin } from './policies/mutating-admission-policy.ts';
import { PolicyParamRights } from './policies/param-rights.ts';
import { ValidatingAdmissionPolicyPlugin } from './policies/validating-admission-policy.ts';
import { PriorityAdmission } from './priority.ts';
import { ResourceQuotaAdmission } from './resource-quota.ts';
import { RuntimeClass } from './runtime-class.ts';
import { ServiceAccountAdmission } from './service-account.ts';
import { ServiceAllocator, type ServiceAllocatorOptions } from './service-allocator.ts';
import { denyServiceExternalIps } from './service-external-ips.ts';
import { storageObjectInUseProtection } from './storage-protection.ts';

export interface AdmissionParts extends ServiceAllocatorOptions {
  objects: StoredObjects;
  catalog: ResourceCatalog;
  authorizer: Authorizer;
  /** Roles of a workspace alone, whoever may come into it. */
  roles: Authorizer;
  directory: WorkspaceDirectory;
  /** Plug-ins that belong to who decides on identities and rights. */
  security: readonly AdmissionPlugin[];
  storage: ObjectStorage;
  isShared: boolean;
  /** Of a workspace; 0: none. */
  totalObjectLimit: number;
  /** What an administrator wants beside the defaults. */
  choice?: PluginChoice | undefined;
  configurations?: PluginConfigurations | undefined;
  /** Hears what policies and webhooks decide. */
  observer?: AdmissionObserver | undefined;
  clock: Clock;
  log: Log;
}

/** All plug-ins that are wanted, in upstream's order; k8s.io/kubernetes/pkg/kubeapiserver/options AllOrderedPlugins. */
export function admissionPlugins(parts: AdmissionParts): AdmissionPlugin[] {
  const objects = new IndexedObjects(parts.objects, parts);
  const indexed = { ...parts, objects };
  const webhooks = webhookParts(indexed);
  const enabled = enabledPlugins(parts.choice);
  const { podSecurity, limitedResources } = parts.configurations ?? {};
  const all: AdmissionPlugin[] = [
    objects,
    alwaysAdmit,
    new NamespaceLifecycle(objects),
    new NamespaceExists(objects),
    limitPodHardAntiAffinityTopology,
    new LimitRanger(objects),
    new ServiceAccountAdmission(objects),
    new NodeRestriction(objects, parts.authorizer),
    taintNodesByCondition,
    alwaysPullImages,
    ...parts.security,
    new PodSecurity(objects, podSecurity),
    new PriorityAdmission(objects),
    defaultTolerationSeconds,
    extendedResourceToleration,
    new RuntimeClass(objects),
    new DefaultStorageClass(objects),
    storageObjectInUseProtection,
    new OwnerReferencesPermissionEnforcement(parts),
    new PersistentVolumeClaimResize(objects),
    new CertificateAdmission(parts.authorizer, enabled),
    new PolicyParamRights({ ...parts, objects }),
    new DefaultIngressClass(objects),
    denyServiceExternalIps,
    new PodTopologyLabels(objects),
    ...workspacePlugins({ ...parts, objects }),
    ...apisPlugins({ ...parts, objects }),
    new MutatingAdmissionPolicyPlugin({ ...indexed, ...webhooks }),
    new MutatingAdmissionWebhook(webhooks),
    new ValidatingAdmissionPolicyPlugin({ ...indexed, ...webhooks }),
    new ValidatingAdmissionWebhook(webhooks),
    new ServiceAllocator(parts),
    new ResourceQuotaAdmission(indexed, limitedResources),
    alwaysDeny,
  ];
  return all.filter(({ name }) => !isPluginName(name) || enabled.has(name));
}

function webhookParts({ objects, catalog, authorizer, observer, log }: AdmissionParts): WebhookParts {
  const client = new WebhookClient(objects);
  return {
    objects,
    matcher: new RequestMatcher(objects, catalog),
    converter: new VersionConverter(objects, client),
    client,
    observer,
    meetsConditions: ({ matchConditions }, request, attributes) => {
      const decisions = new Decisions(authorizer);
      return decisions.during(() =>
        meetsConditions(matchConditions, new EvaluationContext(request, attributes, { decisions })),
      );
    },
    log,
  };
}
