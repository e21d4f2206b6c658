/**
 * client: typed client, informers, work queues, controllers' loop, events, leader election; transports.
 *
 * Is not: a model of objects (that is kube) and knows no resource beyond its name.
 *
 * Guarantees: an informer never stops for good on an error, it goes on or relists; a work queue never runs
 * one key twice at once; a transport never repeats a request that may have been executed; events never
 * block their caller. Does not guarantee: that a cached object is the newest, or that an event is written.
 */
export type * from './client.ts';
export * from './controller.ts';
export * from './create-client.ts';
export * from './event-recorder.ts';
export * from './failover-transport.ts';
export * from './http-transport.ts';
export * from './informer.ts';
export * from './informer-factory.ts';
export * from './kubeconfig.ts';
export * from './leader-election.ts';
export * from './object-key.ts';
export * from './resource-refs.ts';
export * from './status-error.ts';
export type * from './transport.ts';
export * from './work-queue.ts';
