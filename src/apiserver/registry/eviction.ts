import { BadRequest, Conflict } from '../../base/index.ts';
import {
  type corev1,
  decodeKind,
  isPodReady,
  labelSelectorAsSelector,
  observedSpecOf,
  type policyv1,
} from '../../kube/index.ts';
import { readBody } from '../encoding/body.ts';
import { internalError } from '../errors.ts';
import { success } from '../status.ts';
import { WriteRace } from '../storage/object-storage.ts';
import { deleteNamed } from './delete.ts';
import { checked, type DeleteOptions } from './delete-options.ts';
import { mayGoUnhealthy, needsNoBudget, stillProcessed, withOneDisruption } from './disruption-verdict.ts';
import { readNamed } from './get.ts';
import { type Answer, admissionRequest, plain, type Registry, type ResourceRequest } from './registry.ts';
import { readWriteOptions } from './write-options.ts';

const EVICTION = { group: 'policy', version: 'v1', kind: 'Eviction' };
const TRIES = 20;

type Pod = corev1.Pod;
type Budget = policyv1.PodDisruptionBudget;

/**
 * POST of `pods/<name>/eviction`: deletes the pod when its PodDisruptionBudget allows that.
 *
 * @throws OrreryError TooManyRequests, cause DisruptionBudget, when it does not.
 * @see k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go
 */
export async function evict(registry: Registry, request: ResourceRequest): Promise<Answer> {
  const write = readWriteOptions(request.request, 'CreateOptions');
  const body = await readBody(request.request);
  const { object: eviction } = decodeKind<policyv1.Eviction>(
    EVICTION,
    'policy/v1.Eviction',
    body,
    write.fieldValidation,
  );
  if (eviction.metadata.name && eviction.metadata.name !== request.name)
    throw new BadRequest('name in URL does not match name in Eviction object');
  const given = checked(eviction.deleteOptions ?? {});
  const options = { ...given, dryRun: given.dryRun || write.dryRun };
  const asked = { body: eviction, dryRun: options.dryRun };
  const admission = admissionRequest(request, 'CREATE', request.name!, asked);
  await registry.admission.mutate(admission);
  await registry.admission.validate(admission);
  for (let attempt = 1; ; attempt++) {
    const stored = await readNamed(registry, request);
    const pod = registry.storage.decode<Pod>(request.resource, stored.bytes);
    const verdict = await askBudget(registry, request, pod, options.dryRun);
    const guarded = verdict.exactly && options.preconditions?.resourceVersion === undefined;
    try {
      await disruptAndDelete(registry, request, options, guarded ? pod : undefined);
      return plain(201, success());
    } catch (error) {
      if (!guarded || !(error instanceof Conflict || error instanceof WriteRace)) throw error;
      // Another pod by now, maybe a ready one that counts: asked again, or the client shall ask again.
      if (verdict.budget !== undefined) throw stillProcessed(verdict.budget);
      if (attempt === TRIES) throw error;
    }
  }
}

interface Verdict {
  /** Given for the pod as it was read only. */
  exactly: boolean;
  /** The name of the budget that was asked. */
  budget?: string;
}

async function askBudget(
  registry: Registry,
  request: ResourceRequest,
  pod: Pod,
  dryRun: boolean,
): Promise<Verdict> {
  const phase = pod.status?.phase;
  const ended = pod.metadata.deletionTimestamp !== undefined || phase === 'Succeeded' || phase === 'Failed';
  if (needsNoBudget(pod)) return { exactly: !ended };
  const budgets = await budgetsOf(registry, request, pod);
  if (budgets.length > 1)
    throw internalError(
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  const budget = budgets[0];
  if (budget === undefined) return { exactly: false };
  if (!isPodReady(pod) && mayGoUnhealthy(budget)) return { exactly: true, budget: budget.metadata.name };
  await takeDisruption(registry, request, budget.metadata.name, { pod, dryRun });
  return { exactly: false, budget: budget.metadata.name };
}

function budgetResource(registry: Registry) {
  return registry.catalog.findStored('policy', 'poddisruptionbudgets');
}

async function budgetsOf(registry: Registry, request: ResourceRequest, pod: Pod): Promise<Budget[]> {
  const resource = budgetResource(registry);
  if (resource === undefined) return [];
  const prefix = registry.storage.prefixOf(resource, request.workspace, request.namespace);
  const { items } = await registry.storage.list({ prefix });
  return items
    .map(({ value }) => registry.storage.decode<Budget>(resource, value))
    .filter(({ spec }) => labelSelectorAsSelector(spec.selector).matches(pod.metadata.labels));
}

/** Counts the disruption in the budget's status, against whatever others do to it at the same time. */
async function takeDisruption(
  registry: Registry,
  request: ResourceRequest,
  name: string,
  { pod, dryRun }: { pod: Pod; dryRun: boolean },
): Promise<void> {
  const resource = budgetResource(registry)!;
  for (let attempt = 1; ; attempt++) {
    const stored = await readNamed(registry, { ...request, resource, name });
    const budget = registry.storage.decode<Budget>(resource, stored.bytes);
    const next = withOneDisruption(budget, pod.metadata.name, new Date(registry.clock.now()));
    if (dryRun) return;
    try {
      await registry.storage.update(resource, stored.key, next, stored.revision);
      return;
    } catch (error) {
      if (!(error instanceof WriteRace) || attempt === TRIES) throw error;
    }
  }
}

/** Says on the pod why it goes, then deletes it. With `exact`, only if it is still that revision. */
async function disruptAndDelete(
  registry: Registry,
  request: ResourceRequest,
  options: DeleteOptions,
  exact: Pod | undefined,
): Promise<void> {
  const revision = exact?.metadata.resourceVersion ?? options.preconditions?.resourceVersion;
  const noted = options.dryRun ? revision : await noteDisruption(registry, request, options, revision);
  await deleteNamed(registry, request, request.name!, {
    ...options,
    ...(noted !== undefined && { preconditions: { ...options.preconditions, resourceVersion: noted } }),
  });
}

/** The resourceVersion to insist on in the delete, when one was insisted on. */
async function noteDisruption(
  registry: Registry,
  request: ResourceRequest,
  options: DeleteOptions,
  revision: string | undefined,
): Promise<string | undefined> {
  for (;;) {
    const stored = await readNamed(registry, request);
    const pod = registry.storage.decode<Pod>(request.resource, stored.bytes);
    const uid = options.preconditions?.uid;
    // The delete that follows refuses these, in its own words.
    if ((revision !== undefined && revision !== String(stored.revision)) || (uid && uid !== pod.metadata.uid))
      return revision;
    addDisruptionTarget(pod, new Date(registry.clock.now()));
    try {
      const written = await registry.storage.update(request.resource, stored.key, pod, stored.revision);
      return revision === undefined ? undefined : String(written.revision);
    } catch (error) {
      if (!(error instanceof WriteRace) || revision !== undefined) throw error;
    }
  }
}

function addDisruptionTarget(pod: Pod, now: Date): void {
  pod.status ??= {} as corev1.PodStatus;
  const conditions = pod.status.conditions ?? [];
  if (conditions.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True')) return;
  pod.status.conditions = [
    ...conditions.filter(({ type }) => type !== 'DisruptionTarget'),
    {
      type: 'DisruptionTarget',
      ...observedSpecOf(pod),
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: `${now.toISOString().slice(0, 19)}Z`,
    } as corev1.PodCondition,
  ];
}
