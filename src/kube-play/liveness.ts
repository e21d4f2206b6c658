import type { corev1 } from '../kube/index.ts';
import type { HealthConfig } from '../libpod/index.ts';

const NS_PER_SECOND = 1_000_000_000;

/**
 * A liveness probe as a health check that runs in the container. An HTTP or TCP probe comes from outside in
 * Kubernetes; here it is `curl` or `nc` of the image, as with Podman.
 */
export function livenessCheck(container: corev1.Container): HealthConfig | undefined {
  const probe = container.livenessProbe;
  if (probe === undefined) return undefined;
  return {
    Test: testOf(container, probe),
    Interval: (probe.periodSeconds || 10) * NS_PER_SECOND,
    Timeout: (probe.timeoutSeconds || 1) * NS_PER_SECOND,
    StartPeriod: (probe.initialDelaySeconds ?? 0) * NS_PER_SECOND,
    Retries: probe.failureThreshold || 3,
  };
}

function testOf(container: corev1.Container, probe: corev1.Probe): string[] {
  if (probe.exec) return ['CMD', ...(probe.exec.command ?? [])];
  if (probe.httpGet) {
    const { scheme = 'HTTP', host, path = '/', httpHeaders = [] } = probe.httpGet;
    const url = `${scheme.toLowerCase()}://${host || 'localhost'}:${portOf(container, probe.httpGet.port)}${path}`;
    const headers = httpHeaders.flatMap(({ name, value }) => ['-H', `${name}: ${value}`]);
    return [
      'CMD',
      'curl',
      '-f',
      '-s',
      '-o',
      '/dev/null',
      ...(scheme === 'HTTPS' ? ['-k'] : []),
      ...headers,
      url,
    ];
  }
  const { host, port } = probe.tcpSocket!;
  return ['CMD', 'nc', '-z', '-v', host || 'localhost', String(portOf(container, port))];
}

/** A probe's port may be the name of one of the container's. */
function portOf(container: corev1.Container, port: number | string | undefined): number | string {
  const named = container.ports?.find(({ name }) => name !== undefined && name === port);
  return named?.containerPort ?? port ?? '';
}
