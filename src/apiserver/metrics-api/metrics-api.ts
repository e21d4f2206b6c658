import type { corev1, KubeObject, Resource } from '../../kube/index.ts';
import type { StoredObjects } from '../admission/admission.ts';
import { objectNotFound } from '../errors.ts';
import type { Answer, ResourceRequest } from '../registry/registry.ts';
import { objectAnswer, unstored } from '../registry/registry.ts';
import { readSelection } from '../registry/selection.ts';
import { ALL_WORKSPACES, DEFAULT_WORKSPACE } from '../request-info/request-info.ts';
import { METRICS_GROUP } from './metrics-resources.ts';
import type { NodeUsage, NodeUsages, Usage } from './node-usage.ts';

/**
 * metrics.k8s.io/v1beta1 for `kubectl top`, as long as no metrics-server has taken its APIService over: measured by the
 * nodes when it is asked for. What no node answers for is left out of lists and is not found.
 *
 * Source: https://github.com/kubernetes-sigs/metrics-server, pkg/api.
 */
export class MetricsApi {
  readonly #objects: StoredObjects;
  readonly #usages: NodeUsages;

  constructor(objects: StoredObjects, usages: NodeUsages) {
    this.#objects = objects;
    this.#usages = usages;
  }

  serves({ group }: Resource): boolean {
    return group === METRICS_GROUP;
  }

  /** GET of one or of many. @throws NotFound, BadRequest for a selector */
  async answer(request: ResourceRequest): Promise<Answer> {
    const { resource, name } = request;
    const found = isMeasured(request)
      ? await (resource.namespaced ? this.#pods(request) : this.#nodes(request))
      : [];
    if (name !== undefined) {
      const one = found.find(({ metadata }) => metadata.name === name);
      if (one === undefined) throw objectNotFound(resource, name);
      return objectAnswer(200, resource, unstored('', resource, one, 0));
    }
    const selection = readSelection(resource, request.request.query);
    const items = found.filter((one) => selection.matches(one)).map((one) => unstored('', resource, one, 0));
    return { type: 'list', resource, items, metadata: {} as never };
  }

  async #nodes({ resource, name }: ResourceRequest): Promise<KubeObject[]> {
    const nodes = await this.#list<corev1.Node>('nodes');
    this.#usages.keep(new Set(nodes.map(({ metadata }) => metadata.name)));
    const measured = await Promise.all(
      nodes
        .filter(({ metadata }) => name === undefined || metadata.name === name)
        .map(async (node) => ({ node, usage: await this.#usages.of(node.metadata.name) })),
    );
    return measured.flatMap(({ node, usage }) =>
      usage === undefined ? [] : [metricsOf(resource, node, usage, { usage: quantities(usage.node) })],
    );
  }

  async #pods({ resource, namespace, name }: ResourceRequest): Promise<KubeObject[]> {
    const pods = (await this.#list<corev1.Pod>('pods', namespace)).filter(
      ({ metadata, spec, status }) =>
        (name === undefined || metadata.name === name) && spec?.nodeName && status?.phase === 'Running',
    );
    const names = [...new Set(pods.map(({ spec }) => spec.nodeName!))];
    const usages = new Map(
      await Promise.all(names.map(async (node) => [node, await this.#usages.of(node)] as const)),
    );
    return pods.flatMap((pod) => {
      const usage = usages.get(pod.spec.nodeName!);
      const used = usage?.pods.get(pod.metadata.uid!);
      if (usage === undefined || used === undefined || used.size === 0) return [];
      const containers = [...used].map(([container, one]) => ({ name: container, usage: quantities(one) }));
      return [metricsOf(resource, pod, usage, { containers })];
    });
  }

  async #list<T extends KubeObject>(resource: string, namespace?: string): Promise<Readonly<T>[]> {
    const where = { workspace: DEFAULT_WORKSPACE, ...(namespace !== undefined && { namespace }) };
    return (await this.#objects.list<T>({ group: '', resource }, where)).map(({ object }) => object);
  }
}

/** Nothing runs in other workspaces, and what runs in this one is not theirs to see. */
function isMeasured({ workspace }: ResourceRequest): boolean {
  return workspace === DEFAULT_WORKSPACE || workspace === ALL_WORKSPACES;
}

function metricsOf(
  { kind }: Resource,
  { metadata: { name, namespace, labels } }: Readonly<KubeObject>,
  { atMs, windowMs }: NodeUsage,
  more: object,
): KubeObject {
  const creationTimestamp = `${new Date().toISOString().slice(0, 19)}Z`;
  return {
    kind,
    apiVersion: `${METRICS_GROUP}/v1beta1`,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      creationTimestamp,
      ...(labels && { labels }),
    },
    timestamp: `${new Date(atMs).toISOString().slice(0, 19)}Z`,
    window: `${windowMs / 1000}s`,
    ...more,
  } as unknown as KubeObject;
}

function quantities({ cpuNanoCores, memoryBytes }: Usage): object {
  return { cpu: cpuNanoCores === 0 ? '0' : `${cpuNanoCores}n`, memory: `${Math.ceil(memoryBytes / 1024)}Ki` };
}
