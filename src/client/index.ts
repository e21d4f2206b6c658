/**
 * client: typed client, informers, work queues, leader election; transports.
 *
 * Guarantees: an informer that reported itself synced never stops for good on an error, it relists; a work
 * queue never runs one key twice at once. Does not guarantee: that a cached object is the newest.
 */
export type * from './client.ts';
export type * from './transport.ts';
