/**
 * kube-play: Kubernetes YAML for the container tool: pods, deployments, claims, ConfigMaps and Secrets are
 * made with libpod, and YAML is made of what libpod has.
 *
 * Is not a cluster: nothing is scheduled, reconciled or served. Guarantees: a pod means what it means on a
 * node (its containers are translated by `node`'s own code, its fields defaulted and checked by `kube`'s);
 * a field that cannot be honoured is refused by name before anything is made.
 */
export { generateKube } from './generate.ts';
export { downKube, type PlayOptions, type PlayReport, playKube } from './play.ts';
