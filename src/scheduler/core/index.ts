/** The pure part: who goes where. No I/O, no clock, no randomness of its own. */
export * from './cluster-state.ts';
export { isPlanDone, type VolumePlan } from './filters/volume-binding.ts';
export { type Amounts, type PodFacts, podFacts } from './pod-facts.ts';
export type { Preemption } from './preemption.ts';
export * from './schedule-pod.ts';
