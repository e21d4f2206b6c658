/**
 * node: turns Pods into engine calls: registration and heartbeat, pod workers, probes, volumes, status;
 * the kubelet's server; service rules.
 *
 * Is not: a container engine (that is engine) and no scheduler: it takes the pods that are bound to it.
 *
 * Guarantees: a pod's work is serialised; containers outlive this process and are adopted at its next start
 * with ids, start times and restart counts unchanged, back-off included; the API server being away stops
 * nothing; what is gone from the API leaves neither process, mount, namespace, address nor file here.
 * Does not guarantee: that the API shows a change at the instant it happens (status is coalesced), or that
 * secrets for the environment of a crashed container are at hand when this process was restarted without an
 * API server.
 */

export { verifyRunAsNonRoot } from './containers/container-security.ts';
export { type ContainerPlan, containerSpec } from './containers/container-spec.ts';
export {
  containerEnvironment,
  type EnvironmentSources,
  environmentReferences,
} from './environment/container-environment.ts';
export * from './node.ts';
export type * from './pod-lookup.ts';
export { removeServiceRules, type ServiceRules, type ServiceRulesOptions } from './services/index.ts';
export { writeAtomically } from './volumes/atomic-writer.ts';
export { prepareHostPath } from './volumes/host-path.ts';
export { removePodFolders } from './volumes/remove-pod-folders.ts';
export { volumePayload, volumeReferences } from './volumes/volume-payload.ts';
