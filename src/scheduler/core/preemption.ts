import { labelSelectorAsSelector, type policyv1 } from '../../kube/index.ts';
import type { NodeState, Snapshot } from './cluster-state.ts';
import { noVictimsMessage } from './fit-message.ts';
import { type NamedRefusal, prepareCheck, TrialSnapshot } from './node-check.ts';
import type { PodFacts } from './pod-facts.ts';

/** A node where the pod fits once these are gone. */
interface Candidate {
  nodeName: string;
  /** The most important first. */
  victims: readonly PodFacts[];
  /** How many of them a PodDisruptionBudget would have kept. */
  violations: number;
}

export type Preemption =
  | { kind: 'room'; nodeName: string; victims: readonly PodFacts[] }
  /** Nothing that goes would help; a nomination the pod may have is void. */
  | { kind: 'hopeless'; message: string }
  /** It may not, or not now; what it is nominated for stays. */
  | { kind: 'not eligible'; message: string };

export interface NodeRefusal {
  node: NodeState;
  refusal: NamedRefusal;
}

const MIN_CANDIDATES = 100;
const CANDIDATES_SHARE = 0.1;
/** Makes every priority positive: one victim of priority -5 is better than three of them. */
const PRIORITY_OFFSET = 2 ** 31;

/**
 * Which pods of lower priority must go, and where, so that this one fits. Changes nothing.
 *
 * @param random 0 ≤ x < 1: where the search begins when there are more nodes than are tried.
 * @see k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption, framework/preemption
 */
export function preempt(
  pod: PodFacts,
  snapshot: Snapshot,
  refusals: readonly NodeRefusal[],
  random: () => number,
): Preemption {
  const reason = whyNotEligible(pod, snapshot, refusals);
  if (reason !== undefined) return { kind: 'not eligible', message: reason };
  const potential = refusals.filter(({ refusal }) => refusal.resolvable);
  const wanted = Math.max(MIN_CANDIDATES, Math.floor(potential.length * CANDIDATES_SHARE));
  const offset = potential.length > wanted ? Math.floor(random() * potential.length) : 0;
  const candidates: Candidate[] = [];
  const tried: string[][] = [];
  for (let turn = 0; turn < potential.length; turn++) {
    const { node } = potential[(offset + turn) % potential.length]!;
    const found = selectVictims(pod, node, snapshot);
    if (Array.isArray(found)) tried.push(found);
    else candidates.push(found);
    if (candidates.length >= wanted && candidates.some(({ violations }) => violations === 0)) break;
  }
  const best = bestCandidate(candidates);
  if (best === undefined) return { kind: 'hopeless', message: noVictimsMessage(refusals.length, tried) };
  return { kind: 'room', nodeName: best.nodeName, victims: best.victims };
}

function whyNotEligible(
  pod: PodFacts,
  snapshot: Snapshot,
  refusals: readonly NodeRefusal[],
): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.pod.status?.nominatedNodeName;
  if (!nominated) return undefined;
  if (refusals.find(({ node }) => node.name === nominated)?.refusal.resolvable === false) return undefined;
  const node = snapshot.nodes().find(({ name }) => name === nominated);
  const leaving = [...(node?.pods.values() ?? [])].some(
    (other) => other.priority < pod.priority && other.isPreempted,
  );
  return leaving ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

/** The fewest that must go; reasons when it fits even without all of lower priority not. */
function selectVictims(pod: PodFacts, node: NodeState, snapshot: Snapshot): Candidate | string[] {
  const potential = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (potential.length === 0) return ['No preemption victims found for incoming pod'];
  const trial = new TrialSnapshot(snapshot, node);
  const refusal = () => prepareCheck(pod, trial)(trial.node);
  for (const victim of potential) trial.node.remove(victim.uid);
  const refused = refusal();
  if (refused !== undefined) return [...refused.reasons];
  const victims: PodFacts[] = [];
  const staysToo = (one: PodFacts): boolean => {
    trial.node.add(one);
    if (refusal() === undefined) return true;
    trial.node.remove(one.uid);
    victims.push(one);
    return false;
  };
  const { violating, others } = byBudget(potential.sort(byImportance), snapshot.budgets());
  let violations = 0;
  for (const one of violating) if (!staysToo(one)) violations++;
  for (const one of others) staysToo(one);
  return { nodeName: node.name, victims: victims.sort(byImportance), violations };
}

/** Higher priority first; of equals the one that runs longer. */
function byImportance(a: PodFacts, b: PodFacts): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return a.startTimeMs === b.startTimeMs ? 0 : a.startTimeMs - b.startTimeMs;
}

/** Those whose going would break a PodDisruptionBudget, and the others; both in the order given. */
function byBudget(
  pods: readonly PodFacts[],
  budgets: readonly policyv1.PodDisruptionBudget[],
): { violating: PodFacts[]; others: PodFacts[] } {
  const left = budgets.map((budget) => ({
    budget,
    selector: labelSelectorAsSelector(budget.spec?.selector),
    allowed: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodFacts[] = [];
  const others: PodFacts[] = [];
  for (const pod of pods) {
    let isViolated = false;
    for (const one of left) {
      const { budget, selector } = one;
      if (budget.metadata.namespace !== pod.pod.metadata.namespace || selector.isEmpty()) continue;
      if (Object.keys(pod.labels).length === 0 || !selector.matches(pod.labels)) continue;
      // Its eviction was allowed already: it is counted.
      if (budget.status?.disruptedPods?.[pod.pod.metadata.name] !== undefined) continue;
      if (--one.allowed < 0) isViolated = true;
    }
    (isViolated ? violating : others).push(pod);
  }
  return { violating, others };
}

/** Each decides where those before it see no difference; less is better. */
const CRITERIA: readonly ((candidate: Candidate) => number)[] = [
  ({ violations }) => violations,
  ({ victims }) => victims[0]?.priority ?? Number.NEGATIVE_INFINITY,
  ({ victims }) => victims.reduce((sum, { priority }) => sum + priority + PRIORITY_OFFSET, 0),
  ({ victims }) => victims.length,
  ({ victims }) => -earliestStart(victims),
];

function bestCandidate(candidates: readonly Candidate[]): Candidate | undefined {
  let left = candidates;
  for (const criterion of CRITERIA) {
    if (left.length <= 1) break;
    const scores = left.map(criterion);
    const least = scores.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    left = left.filter((_, index) => scores[index] === least);
  }
  return left[0];
}

/** Of the victims with the highest priority. */
function earliestStart(victims: readonly PodFacts[]): number {
  const highest = victims[0]?.priority;
  return victims
    .filter(({ priority }) => priority === highest)
    .reduce((earliest, { startTimeMs }) => Math.min(earliest, startTimeMs), Number.POSITIVE_INFINITY);
}
