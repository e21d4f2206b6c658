/**
 * scheduler: which node a pod goes to, and the loop that binds it there.
 *
 * Is: a pure core (filters, scores and preemption of kube-scheduler with its weights and words), reusable in
 * virtual time, and the loop around it (queue, assumed pods, volumes, binding, events).
 * Is not: extenders, dynamic resources: not built yet.
 *
 * Guarantees: never decides beyond a node's allocatable in its own picture of the cluster. Does not
 * guarantee: that the picture is the newest; the node refuses what does not fit after all.
 */
export * from './core/index.ts';
export * from './loop/scheduler.ts';
