import { randomBytes } from 'node:crypto';
import type { corev1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const SERVICE_ACCOUNTS = { group: '', resource: 'serviceaccounts' };
const DEFAULT_NAME = 'default';
/** The controller makes a new namespace's default account a moment after the namespace. */
const DEFAULT_ACCOUNT_TIMEOUT_MS = 2000;
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
const VOLUME_PREFIX = 'kube-api-access-';
/** An hour and seven seconds: upstream's mark by which its tokens are known as extendable. */
const TOKEN_SECONDS = 3607;
const MODE_0644 = 420;

/**
 * Gives a pod its service account and mounts a token, the CA and the namespace into each container.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/serviceaccount.
 */
export class ServiceAccountAdmission implements AdmissionPlugin {
  readonly name = 'ServiceAccount';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (!isPodCreate(request)) return;
    const pod = request.object as corev1.Pod;
    const spec = pod.spec;
    if (spec === undefined || pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) return;
    const name = spec.serviceAccountName || DEFAULT_NAME;
    spec.serviceAccountName = name;
    spec.serviceAccount = name;
    const account = await this.#accountOf(request, name);
    if (shouldMount(account, spec)) mountToken(spec);
    if (!spec.imagePullSecrets?.length && account.imagePullSecrets?.length)
      spec.imagePullSecrets = account.imagePullSecrets.map(({ name: secret }) => ({ name: secret }));
  }

  async #accountOf(request: AdmissionRequest, name: string): Promise<Readonly<corev1.ServiceAccount>> {
    const address = { workspace: request.workspace, namespace: request.namespace!, name };
    const account =
      name === DEFAULT_NAME
        ? await this.#objects.waitFor<corev1.ServiceAccount>(
            SERVICE_ACCOUNTS,
            address,
            DEFAULT_ACCOUNT_TIMEOUT_MS,
          )
        : await this.#objects.find<corev1.ServiceAccount>(SERVICE_ACCOUNTS, address);
    if (account !== undefined) return account;
    throw forbidden(
      request.resource,
      request.name,
      `error looking up service account ${request.namespace}/${name}: serviceaccount "${name}" not found`,
    );
  }
}

export function isPodCreate(request: AdmissionRequest): boolean {
  const { operation, resource, subresource } = request;
  return (
    operation === 'CREATE' && resource.group === '' && resource.name === 'pods' && subresource === undefined
  );
}

function shouldMount(account: Readonly<corev1.ServiceAccount>, spec: corev1.PodSpec): boolean {
  return spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
}

function mountToken(spec: corev1.PodSpec): void {
  const existing = (spec.volumes ?? []).find((volume) => volume.name.startsWith(VOLUME_PREFIX));
  const volumeName = existing?.name ?? `${VOLUME_PREFIX}${randomSuffix()}`;
  let used = false;
  for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
    if (container.volumeMounts?.some((mount) => mount.mountPath === MOUNT_PATH)) continue;
    container.volumeMounts = [
      ...(container.volumeMounts ?? []),
      { name: volumeName, readOnly: true, mountPath: MOUNT_PATH } as corev1.VolumeMount,
    ];
    used = true;
  }
  if (used && existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(volumeName)];
}

function tokenVolume(name: string): corev1.Volume {
  const namespaceField = {
    path: 'namespace',
    fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
  };
  return {
    name,
    projected: {
      defaultMode: MODE_0644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [namespaceField] } },
      ],
    },
  } as corev1.Volume;
}

const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** Five characters without vowels and look-alikes; k8s.io/apimachinery/pkg/util/rand.String. */
export function randomSuffix(): string {
  let suffix = '';
  while (suffix.length < 5) {
    for (const byte of randomBytes(8)) {
      // Above the last whole multiple of 27 the remainder would not be uniform.
      if (byte < 243 && suffix.length < 5) suffix += SUFFIX_ALPHABET[byte % 27];
    }
  }
  return suffix;
}
