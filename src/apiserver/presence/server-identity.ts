import { createHash, randomUUID } from 'node:crypto';
import type { coordinationv1, KubeObject } from '../../kube/index.ts';
import type { ObjectClient } from '../object-client.ts';
import type { ServerAddress } from './server-records.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const IDENTITY_LABEL = 'apiserver.kubernetes.io/identity';
const COMPONENT = 'kube-apiserver';
/** Upstream's --identity-lease-duration-seconds. */
const DURATION_SECONDS = 3600;

/**
 * The Lease by which a server is known, `apiserver-<hash>` in kube-system; those of servers that have been silent for an
 * hour are cleared away.
 * Source: k8s.io/kubernetes/pkg/controlplane/instance.go, controller/apiserverleasegc.
 */
export class ServerIdentity {
  readonly name: string;
  readonly #holder: string;
  readonly #hostname: string;

  constructor(hostname: string, { address, port }: ServerAddress) {
    // Several servers may share a host here, so that the address belongs to it too.
    const hash = createHash('sha256').update([hostname, COMPONENT, address, port].join('\0')).digest();
    this.name = `apiserver-${base32(hash.subarray(0, 16))}`;
    this.#holder = `${this.name}_${randomUUID()}`;
    this.#hostname = hostname;
  }

  async renew(client: Pick<ObjectClient, 'merge'>, now: Date): Promise<void> {
    await client.merge(LEASES, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: this.name,
        namespace: 'kube-system',
        labels: { [IDENTITY_LABEL]: COMPONENT, 'kubernetes.io/hostname': this.#hostname },
      },
      spec: {
        holderIdentity: this.#holder,
        leaseDurationSeconds: DURATION_SECONDS,
        renewTime: now.toISOString().replace('Z', '000Z'),
      },
    });
  }
}

export async function removeSilentServers(client: ObjectClient, now: Date): Promise<void> {
  const leases = (await client.list(LEASES)) as readonly (KubeObject & coordinationv1.Lease)[];
  for (const { metadata, spec } of leases) {
    if (metadata.labels?.[IDENTITY_LABEL] !== COMPONENT) continue;
    const seconds = spec?.leaseDurationSeconds;
    if (seconds === undefined || !spec?.renewTime) continue;
    if (Date.parse(spec.renewTime) + seconds * 1000 < now.getTime())
      await client.delete(LEASES, metadata.name);
  }
}

/** RFC 4648, lower case and without padding. */
function base32(bytes: Uint8Array): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  let bits = 0;
  let value = 0;
  let text = '';
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(value >> bits) & 31];
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text;
}
