/**
 * server: the kubelet's HTTPS server: logs, exec, attach, port-forward, stats, metrics.
 *
 * Is not an API server: it knows only the pods of this node and trusts only who holds a certificate of our
 * CA in group system:masters. Guarantees: bounded memory and back-pressure in both directions on every
 * stream; a client that disappears ends its exec session. Does not guarantee: rotated parts of a
 * log (as kubelet, the newest file only).
 */
export { createNodeServer, type NodeServer, type NodeServerOptions } from './node-server.ts';
