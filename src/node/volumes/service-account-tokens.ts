import type { Clock } from '../../base/index.ts';
import { type Client, SERVICE_ACCOUNTS, workspaceOf } from '../../client/index.ts';
import type { authenticationv1, corev1 } from '../../kube/index.ts';

interface Issued {
  token: string;
  issuedAtMs: number;
  expiresAtMs: number;
}

const dayMs = 24 * 60 * 60 * 1000;
const defaultSeconds = 3600;

/**
 * Tokens of pods' service accounts, bound to the pod; asked for anew when 80 % of the life is over or a day
 * has passed, as the kubelet does (pkg/kubelet/token/token_manager.go).
 */
export class ServiceAccountTokens {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #issued = new Map<string, Map<string, Issued>>();

  constructor(options: { client: Client; clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  /** A token that is still good goes on being used when no new one can be had. */
  async get(pod: corev1.Pod, projection: corev1.ServiceAccountTokenProjection): Promise<string> {
    const ofPod = this.#issued.get(pod.metadata.uid) ?? new Map<string, Issued>();
    this.#issued.set(pod.metadata.uid, ofPod);
    const key = `${projection.audience ?? ''}|${projection.expirationSeconds ?? defaultSeconds}`;
    const old = ofPod.get(key);
    const nowMs = this.#clock.now();
    if (old !== undefined && nowMs < renewAtMs(old)) return old.token;
    try {
      const issued = await this.#request(pod, projection, nowMs);
      ofPod.set(key, issued);
      return issued.token;
    } catch (error) {
      if (old !== undefined && nowMs < old.expiresAtMs) return old.token;
      throw error;
    }
  }

  forget(podUid: string): void {
    this.#issued.delete(podUid);
  }

  async #request(
    pod: corev1.Pod,
    projection: corev1.ServiceAccountTokenProjection,
    nowMs: number,
  ): Promise<Issued> {
    const { name, namespace, uid } = pod.metadata;
    const answer = await this.#client
      .in(workspaceOf(pod))
      .resource(SERVICE_ACCOUNTS)
      .createSubresource<authenticationv1.TokenRequest>(
        pod.spec.serviceAccountName || 'default',
        'token',
        {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenRequest',
          metadata: {},
          spec: {
            audiences: projection.audience ? [projection.audience] : [],
            expirationSeconds: projection.expirationSeconds ?? defaultSeconds,
            boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
          },
        },
        namespace,
      );
    const expires = answer.status?.expirationTimestamp;
    return {
      token: answer.status?.token ?? '',
      issuedAtMs: nowMs,
      expiresAtMs: expires === undefined ? nowMs + defaultSeconds * 1000 : Date.parse(expires),
    };
  }
}

function renewAtMs({ issuedAtMs, expiresAtMs }: Issued): number {
  return Math.min(issuedAtMs + (expiresAtMs - issuedAtMs) * 0.8, issuedAtMs + dayMs);
}
