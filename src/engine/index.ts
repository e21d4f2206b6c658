/**
 * engine: images, root file systems, containers, networks; knows containers, never Pods.
 *
 * Guarantees: a container outlives every process of ours (conmon holds it); state is on disk before an
 * operation returns; `reset` leaves no mount, namespace, address, rule or cgroup behind. Does not
 * guarantee: that two creates of the same name from two processes both fail cleanly at the same instant.
 */
export type * from './engine.ts';
