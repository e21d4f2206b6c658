/** GET /version; k8s.io/apimachinery/pkg/version.Info. */
export interface VersionInfo {
  major: string;
  minor: string;
  gitVersion: string;
  gitCommit: string;
  gitTreeState: string;
  buildDate: string;
  goVersion: string;
  compiler: string;
  platform: string;
}

/** The Kubernetes API level we speak, as kubectl's version-skew check reads it. */
export const KUBERNETES_VERSION = { major: '1', minor: '36', patch: '0' };

/** `v1.36.0+orrery-0.1.0`: a Kubernetes version with ours as build metadata (semver section 10). */
export function gitVersion(productVersion: string): string {
  const { major, minor, patch } = KUBERNETES_VERSION;
  return `v${major}.${minor}.${patch}+orrery-${productVersion}`;
}

export function versionInfo(productVersion: string): VersionInfo {
  return {
    major: KUBERNETES_VERSION.major,
    minor: KUBERNETES_VERSION.minor,
    gitVersion: gitVersion(productVersion),
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: `node-${process.version}`,
    compiler: 'node',
    platform: `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
