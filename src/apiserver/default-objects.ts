import {
  type Draft,
  defaultFlowSchemas,
  defaultPriorityLevels,
  type KubeObject,
  semanticallyEqual,
} from '../kube/index.ts';
import { priorityOf } from './discovery/group-priorities.ts';
import { metricsResources } from './metrics-api/metrics-resources.ts';
import type { ObjectClient } from './object-client.ts';
import { REVIEW_RESOURCES } from './registry/catalog.ts';
import { type RuntimeConfig, servedResources } from './registry/runtime-config.ts';

const API_SERVICES = '/apis/apiregistration.k8s.io/v1/apiservices';
const AUTO_MANAGED = 'kube-aggregator.kubernetes.io/automanaged';
/** Upstream's word for what is registered at start and not with a CustomResourceDefinition. */
const ON_START = 'onstart';
const FLOWCONTROL = '/apis/flowcontrol.apiserver.k8s.io/v1';
const AUTO_UPDATE = 'apf.kubernetes.io/autoupdate-spec';

/**
 * The cluster-wide objects every cluster begins with: the two system priority classes, flow schemas and priority
 * levels, the service range, and an APIService for each group version that is built in. Run at every start: what is
 * missing is made, flow objects nobody has taken over are brought up to date, APIServices of what is not served any
 * more go.
 * Source: k8s.io/kubernetes/pkg/registry/{scheduling,flowcontrol}/rest, pkg/controlplane/controller/defaultservicecidr,
 * cmd/kube-apiserver/app/aggregator.go.
 */
export async function ensureDefaultObjects(
  client: ObjectClient,
  { serviceCidr, runtimeConfig }: { serviceCidr: string; runtimeConfig?: RuntimeConfig | undefined },
): Promise<void> {
  await Promise.all([
    ensure(client, '/apis/scheduling.k8s.io/v1/priorityclasses', PRIORITY_CLASSES),
    ensure(client, '/apis/networking.k8s.io/v1/servicecidrs', [defaultServiceCidr(serviceCidr)]),
    ensure(client, '/apis/rbac.authorization.k8s.io/v1/clusterroles', [METRICS_READER]),
    ensureApiServices(client, runtimeConfig ?? new Map()),
    ensureFlowConfiguration(client),
  ]);
}

/**
 * The flow schemas and priority levels of every cluster: missing ones are made, and those that nobody has taken over
 * (annotation apf.kubernetes.io/autoupdate-spec) brought up to date; the mandatory ones in any case.
 * Source: k8s.io/kubernetes/pkg/registry/flowcontrol/ensurer.
 */
export async function ensureFlowConfiguration(client: ObjectClient): Promise<void> {
  await Promise.all([
    ensureFlowObjects(client, `${FLOWCONTROL}/prioritylevelconfigurations`, defaultPriorityLevels),
    ensureFlowObjects(client, `${FLOWCONTROL}/flowschemas`, defaultFlowSchemas),
  ]);
}

function priorityClass(name: string, value: number, description: string) {
  const apiVersion = 'scheduling.k8s.io/v1';
  return { apiVersion, kind: 'PriorityClass', metadata: { name }, value, description };
}

const PRIORITY_CLASSES = [
  priorityClass(
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ),
  priorityClass(
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ),
];

function defaultServiceCidr(serviceCidr: string) {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [serviceCidr] },
  };
}

/** As metrics-server's manifest has it: whoever may view a namespace may see what its pods use. */
const METRICS_READER = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: {
    name: 'system:aggregated-metrics-reader',
    labels: Object.fromEntries(
      ['view', 'edit', 'admin'].map((role) => [`rbac.authorization.k8s.io/aggregate-to-${role}`, 'true']),
    ),
  },
  rules: [{ apiGroups: ['metrics.k8s.io'], resources: ['pods', 'nodes'], verbs: ['get', 'list', 'watch'] }],
};

type Wanted = Draft<KubeObject> & { metadata: { name: string } };

async function ensure(
  client: ObjectClient,
  collection: string,
  wanted: readonly Wanted[],
): Promise<ReadonlyMap<string, KubeObject>> {
  const present = new Map((await client.list(collection)).map((one) => [one.metadata.name, one]));
  const missing = wanted.filter(({ metadata }) => !present.has(metadata.name));
  await Promise.all(missing.map((one) => client.create(collection, one)));
  return present;
}

async function ensureApiServices(client: ObjectClient, runtimeConfig: RuntimeConfig): Promise<void> {
  const wanted = builtInGroupVersions(runtimeConfig).map(apiService);
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  const present = await ensure(client, API_SERVICES, wanted);
  const stale = [...present.values()].filter(
    ({ metadata }) => metadata.labels?.[AUTO_MANAGED] === ON_START && !names.has(metadata.name),
  );
  await Promise.all(stale.map(({ metadata }) => client.delete(API_SERVICES, metadata.name)));
}

/** All but the group that APIServices are of, which has none upstream either. */
function builtInGroupVersions(config: RuntimeConfig): { group: string; version: string }[] {
  const all = new Map<string, { group: string; version: string }>();
  for (const { group, version } of [...servedResources(config), ...REVIEW_RESOURCES, ...metricsResources()])
    if (group !== 'apiregistration.k8s.io') all.set(`${version}.${group}`, { group, version });
  return [...all.values()];
}

function apiService({ group, version }: { group: string; version: string }) {
  const priority = priorityOf(group, version);
  return {
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: `${version}.${group}`, labels: { [AUTO_MANAGED]: ON_START } },
    spec: {
      ...(group !== '' && { group }),
      version,
      groupPriorityMinimum: priority.group,
      versionPriority: priority.version,
    },
  };
}

type FlowObject = Wanted & { spec?: unknown };

async function ensureFlowObjects(
  client: ObjectClient,
  collection: string,
  wanted: readonly Draft<KubeObject>[],
): Promise<void> {
  const present = await ensure(client, collection, wanted as Wanted[]);
  const outdated = (wanted as FlowObject[]).flatMap((one) => {
    const live = present.get(one.metadata.name) as FlowObject | undefined;
    if (live === undefined) return [];
    const { annotations, generation } = live.metadata as KubeObject['metadata'];
    const said = annotations?.[AUTO_UPDATE];
    const ours = said === undefined ? generation === 1 : said === 'true';
    return ours && !semanticallyEqual(live.spec, one.spec) ? [{ ...live, spec: one.spec }] : [];
  });
  await Promise.all(outdated.map((one) => client.replace(collection, one as KubeObject)));
}
