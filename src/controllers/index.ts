/**
 * controllers: what keeps the cluster as its objects say, one folder a controller: Deployments, ReplicaSets,
 * StatefulSets, DaemonSets, Jobs, CronJobs, disruption budgets, endpoints, namespaces, garbage, service accounts, nodes, load balancers, node networks, certificates.
 *
 * Is not: the scheduler, and nothing here touches the store: controllers know the API only.
 *
 * Guarantees: one controller's failure does not stop another; each can be stopped at any instant and goes
 * on from the API's state; nothing is deleted on the word of a cache alone where a mistake would lose data.
 * Does not guarantee: that two instances at once are harmless; run them behind a leader election.
 */
export type { ControllersConfig } from './context.ts';
export * from './create-controllers.ts';
export { labelOwnNode } from './node-role/node-role.ts';
