/**
 * node: turns Pods into engine calls: registration and heartbeat, pod workers, probes, volumes, status.
 *
 * Guarantees: a pod's work is serialised; containers outlive this process and are adopted at its next
 * start with ids, start times and restart counts unchanged; the API server being away stops nothing.
 * Does not guarantee: that the API shows a change at the instant it happens (status is coalesced).
 */
export type * from './pod-lookup.ts';
