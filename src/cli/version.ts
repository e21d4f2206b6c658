declare global {
  /** Written in by the build; run from source there is none. */
  var ORRERY_VERSION: string | undefined;
}

export const orreryVersion = globalThis.ORRERY_VERSION ?? '0.1.0-dev';
/** The Kubernetes API that is spoken. */
export const kubernetesVersion = '1.36.0';
/** What `kubectl version` and the Node object show: a semantic version that clients can compare. */
export const gitVersion = `v${kubernetesVersion}+orrery-${orreryVersion}`;
