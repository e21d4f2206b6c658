import { BadRequest } from '../base/index.ts';
import type { corev1 } from '../kube/index.ts';
import type { Secrets } from '../libpod/index.ts';
import { environmentReferences, volumeReferences } from '../node/index.ts';

export interface FoundObjects {
  configMaps: Map<string, corev1.ConfigMap>;
  secrets: Map<string, corev1.Secret>;
}

/** A Secret document becomes a secret of the tool's, which holds the document's data as JSON. */
export async function storeSecret(
  secrets: Secrets,
  document: corev1.Secret,
  options: { replace: boolean },
): Promise<string> {
  const { name } = document.metadata;
  if (!name) throw new BadRequest('secret does not have a name');
  const data: Record<string, string> = { ...document.data };
  for (const [key, value] of Object.entries(document.stringData ?? {}))
    data[key] = Buffer.from(value).toString('base64');
  const content = { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: document.type, data };
  return await secrets.create(name, Buffer.from(JSON.stringify(content)), { replace: options.replace });
}

/** The Secrets that a pod's environments and volumes name, out of the tool's own; absent ones are left out. */
export async function secretsOf(pod: corev1.Pod, secrets: Secrets): Promise<Map<string, corev1.Secret>> {
  const names = new Set<string>();
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    for (const name of environmentReferences(container).secrets) names.add(name);
  for (const volume of pod.spec.volumes ?? [])
    for (const name of volumeReferences(volume).secrets) names.add(name);
  const found = new Map<string, corev1.Secret>();
  for (const name of names)
    if (await secrets.exists(name)) found.set(name, parseSecret(name, await secrets.read(name)));
  return found;
}

/** Also of one that was made by hand, of a YAML file, as `secret create` and Podman allow. */
function parseSecret(name: string, content: Buffer): corev1.Secret {
  let value: { kind?: string; data?: unknown } | undefined;
  try {
    value = JSON.parse(content.toString()) as typeof value;
  } catch {
    // Not ours; the sentence below says what it should be, and nothing of what it is.
    value = undefined;
  }
  if (value?.kind !== 'Secret' || typeof value.data !== 'object')
    throw new BadRequest(`secret ${JSON.stringify(name)} holds no Kubernetes Secret`, {
      hint: 'put the Secret into the YAML that is played',
    });
  return value as corev1.Secret;
}
