import { append } from '../../base/index.ts';
import {
  type corev1,
  parseQuantity,
  podLimits,
  podRequests,
  type Quantity,
  type ResourceAmounts,
} from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';
import { isPodCreate } from './service-account.ts';

type Amounts = Record<string, string | number> | undefined;

const ANNOTATION = 'kubernetes.io/limit-ranger';

/**
 * Gives containers what the namespace's LimitRanges say they get, and holds pods and claims to their bounds.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/limitranger.
 */
export class LimitRanger implements AdmissionPlugin {
  readonly name = 'LimitRanger';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (!isPodCreate(request)) return;
    for (const range of await this.#ranges(request)) applyLimitDefaults(request.object as corev1.Pod, range);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const isPod = isPodCreate(request) || isPodResize(request);
    if (!isPod && !isClaimWrite(request)) return;
    for (const range of await this.#ranges(request)) {
      const wrong = isPod
        ? podProblems(request.object as corev1.Pod, range)
        : claimProblems(request.object as corev1.PersistentVolumeClaim, range);
      const sentences = [...new Set(wrong)];
      if (sentences.length === 0) continue;
      const why = sentences.length === 1 ? sentences[0]! : `[${sentences.join(', ')}]`;
      throw forbidden(request.resource, request.name || request.object!.metadata.name, why);
    }
  }

  async #ranges(request: AdmissionRequest): Promise<Readonly<corev1.LimitRange>[]> {
    const found = await this.#objects.list<corev1.LimitRange>(
      { group: '', resource: 'limitranges' },
      { workspace: request.workspace, namespace: request.namespace! },
    );
    return found.map(({ object }) => object);
  }
}

function isPodResize({ resource, subresource }: AdmissionRequest): boolean {
  return resource.group === '' && resource.name === 'pods' && subresource === 'resize';
}

function isClaimWrite({ operation, resource, subresource, object }: AdmissionRequest): boolean {
  return (
    (operation === 'CREATE' || operation === 'UPDATE') &&
    resource.group === '' &&
    resource.name === 'persistentvolumeclaims' &&
    subresource === undefined &&
    object?.metadata.deletionTimestamp === undefined
  );
}

/** Fills in what containers do not say, and notes it on the pod. Changes `pod`. */
function applyLimitDefaults(pod: corev1.Pod, range: Readonly<corev1.LimitRange>): void {
  const requests: Record<string, string | number> = {};
  const limits: Record<string, string | number> = {};
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    Object.assign(requests, item.defaultRequest);
    Object.assign(limits, item.default);
  }
  const notes: string[] = [];
  const fill = (container: corev1.Container, what: string) => {
    const resources: corev1.ResourceRequirements = container.resources ?? {};
    container.resources = resources;
    for (const [part, defaults, word] of [
      ['requests', requests, 'request'],
      ['limits', limits, 'limit'],
    ] as const) {
      const missing = Object.keys(defaults).filter((name) => resources[part]?.[name] === undefined);
      if (missing.length === 0) continue;
      resources[part] = { ...resources[part] };
      for (const name of missing) resources[part][name] = defaults[name]!;
      notes.push(`${missing.sort().join(', ')} ${word} for ${what} ${container.name}`);
    }
  };
  for (const container of pod.spec?.containers ?? []) fill(container, 'container');
  for (const container of pod.spec?.initContainers ?? []) fill(container, 'init container');
  if (notes.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}`,
  };
}

function podProblems(pod: corev1.Pod, range: Readonly<corev1.LimitRange>): string[] {
  const problems: string[] = [];
  for (const item of range.spec?.limits ?? []) {
    if (item.type === 'Container')
      for (const { resources } of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])])
        append(problems, itemProblems(item, quantities(resources?.requests), quantities(resources?.limits)));
    if (item.type === 'Pod') append(problems, itemProblems(item, podRequests(pod), podLimits(pod)));
  }
  return problems;
}

function itemProblems(
  item: corev1.LimitRangeItem,
  requests: ResourceAmounts,
  limits: ResourceAmounts,
): string[] {
  const problems: (string | undefined)[] = [];
  const each = (bounds: Amounts, check: (bound: Bound) => string | undefined) => {
    for (const [name, bound] of Object.entries(quantities(bounds)).sort(([a], [b]) => (a < b ? -1 : 1)))
      problems.push(check({ type: item.type, name, bound, request: requests[name], limit: limits[name] }));
  };
  each(item.min, minProblem);
  each(item.max, maxProblem);
  each(item.maxLimitRequestRatio, ratioProblem);
  return problems.filter((one) => one !== undefined);
}

interface Bound {
  type: string;
  name: string;
  bound: Quantity;
  request: Quantity | undefined;
  limit: Quantity | undefined;
}

function minProblem({ type, name, bound, request, limit }: Bound): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${bound}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (request.compare(bound) < 0) return `${rule}, but request is ${request}`;
  return limit !== undefined && limit.compare(bound) < 0 ? `${rule}, but limit is ${limit}` : undefined;
}

function maxProblem({ type, name, bound, request, limit }: Bound): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${bound}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (limit.compare(bound) > 0) return `${rule}, but limit is ${limit}`;
  return request !== undefined && request.compare(bound) > 0
    ? `${rule}, but request is ${request}`
    : undefined;
}

function ratioProblem({ type, name, bound, request, limit }: Bound): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${bound}`;
  if (request === undefined || request.isZero())
    return `${rule}, but no request is specified or request is 0`;
  if (limit === undefined || limit.isZero()) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = limit.milliValue() / request.milliValue();
  return ratio * 1000 > bound.milliValue() ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}

/** Only requests count: a claim has no limits. */
function claimProblems(claim: corev1.PersistentVolumeClaim, range: Readonly<corev1.LimitRange>): string[] {
  const requests = quantities(claim.spec?.resources?.requests);
  return (range.spec?.limits ?? []).flatMap((item) => {
    if (item.type !== 'PersistentVolumeClaim') return [];
    const { max, ...rest } = item;
    const problems = itemProblems({ type: rest.type, ...(rest.min && { min: rest.min }) }, requests, {});
    for (const [name, bound] of Object.entries(quantities(max))) {
      const rule = `maximum ${name} usage per ${item.type} is ${bound}`;
      const request = requests[name];
      if (request === undefined) problems.push(`${rule}.  No request is specified`);
      else if (request.compare(bound) > 0) problems.push(`${rule}, but request is ${request}`);
    }
    return problems;
  });
}

function quantities(amounts: Amounts): ResourceAmounts {
  return Object.fromEntries(Object.entries(amounts ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}
