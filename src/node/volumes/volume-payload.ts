import { BadRequest, NotFound } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { namedContainer } from '../environment/container-environment.ts';
import { type DownwardFacts, fieldValue, resourceFieldValue } from '../environment/field-value.ts';
import type { VolumeFile, VolumePayload } from './atomic-writer.ts';

/** What the payload of a volume is made from; objects that do not exist are absent. */
export interface PayloadSources {
  configMaps: ReadonlyMap<string, corev1.ConfigMap>;
  secrets: ReadonlyMap<string, corev1.Secret>;
  /** By the projection they are for. */
  tokens: ReadonlyMap<corev1.ServiceAccountTokenProjection, string>;
  facts: DownwardFacts;
}

const defaultMode = 0o644;

/** Names of ConfigMaps and Secrets a volume needs, and the tokens. */
export function volumeReferences(volume: corev1.Volume): {
  configMaps: string[];
  secrets: string[];
  tokens: corev1.ServiceAccountTokenProjection[];
} {
  const configMaps: string[] = [];
  const secrets: string[] = [];
  const tokens: corev1.ServiceAccountTokenProjection[] = [];
  if (volume.configMap?.name) configMaps.push(volume.configMap.name);
  if (volume.secret?.secretName) secrets.push(volume.secret.secretName);
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap?.name) configMaps.push(source.configMap.name);
    if (source.secret?.name) secrets.push(source.secret.name);
    if (source.serviceAccountToken) tokens.push(source.serviceAccountToken);
  }
  return { configMaps, secrets, tokens };
}

/**
 * The files of a configMap, secret, downwardAPI or projected volume.
 *
 * @throws NotFound with the kubelet's sentence for an object or key that is missing and not optional
 * @throws BadRequest for a projection that is not supported, by name
 */
export function volumePayload(
  pod: corev1.Pod,
  volume: corev1.Volume,
  sources: PayloadSources,
): VolumePayload {
  const payload = new Map<string, VolumeFile>();
  const namespace = pod.metadata.namespace ?? '';
  if (volume.configMap) {
    const { name = '', items, optional, defaultMode: mode = defaultMode } = volume.configMap;
    addConfigMap(payload, { namespace, name, items, optional, mode }, sources);
  } else if (volume.secret) {
    const { secretName: name = '', items, optional, defaultMode: mode = defaultMode } = volume.secret;
    addSecret(payload, { namespace, name, items, optional, mode }, sources);
  } else if (volume.downwardAPI) {
    const { items, defaultMode: mode = defaultMode } = volume.downwardAPI;
    addDownward(payload, pod, items ?? [], mode, sources.facts);
  } else if (volume.projected) {
    const mode = volume.projected.defaultMode ?? defaultMode;
    for (const source of volume.projected.sources ?? []) addProjection(payload, pod, source, mode, sources);
  }
  return payload;
}

function addProjection(
  payload: Map<string, VolumeFile>,
  pod: corev1.Pod,
  source: corev1.VolumeProjection,
  mode: number,
  sources: PayloadSources,
): void {
  const namespace = pod.metadata.namespace ?? '';
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap) addConfigMap(payload, { namespace, name: '', ...configMap, mode }, sources);
  else if (secret) addSecret(payload, { namespace, name: '', ...secret, mode }, sources);
  else if (downwardAPI) addDownward(payload, pod, downwardAPI.items ?? [], mode, sources.facts);
  else if (serviceAccountToken) {
    const token = sources.tokens.get(serviceAccountToken);
    if (token === undefined) throw new NotFound('failed to fetch token');
    payload.set(serviceAccountToken.path, {
      content: Buffer.from(token),
      ...tokenOwnership(pod, mode),
    });
  } else throw new BadRequest(`projected volume source ${Object.keys(source).join(', ')} is not supported`);
}

/** A token is for its user only when it is clear who that is (KEP-1205). */
function tokenOwnership(pod: corev1.Pod, mode: number): { mode: number; uid?: number; gid?: number } {
  const { fsGroup, runAsUser } = pod.spec.securityContext ?? {};
  const users = new Set(
    [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(
      (container) => container.securityContext?.runAsUser ?? runAsUser,
    ),
  );
  if (fsGroup !== undefined) return { mode: 0o600 };
  const [user] = users;
  if (users.size === 1 && user !== undefined) return { mode: 0o600, uid: user };
  return { mode };
}

interface KeyedSource {
  namespace: string;
  name: string;
  items?: readonly corev1.KeyToPath[] | undefined;
  optional?: boolean | undefined;
  mode: number;
}

function addConfigMap(payload: Map<string, VolumeFile>, source: KeyedSource, sources: PayloadSources): void {
  const configMap = sources.configMaps.get(source.name);
  if (configMap === undefined) {
    if (source.optional) return;
    throw new NotFound(`configmap "${source.name}" not found`);
  }
  const contents = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(configMap.data ?? {})) contents.set(key, Buffer.from(value));
  for (const [key, value] of Object.entries(configMap.binaryData ?? {}))
    contents.set(key, Buffer.from(value, 'base64'));
  addKeys(payload, contents, source, 'configmap');
}

function addSecret(payload: Map<string, VolumeFile>, source: KeyedSource, sources: PayloadSources): void {
  const secret = sources.secrets.get(source.name);
  if (secret === undefined) {
    if (source.optional) return;
    throw new NotFound(`secret "${source.name}" not found`);
  }
  const contents = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(secret.data ?? {}))
    contents.set(key, Buffer.from(value, 'base64'));
  addKeys(payload, contents, source, 'secret');
}

function addKeys(
  payload: Map<string, VolumeFile>,
  contents: ReadonlyMap<string, Uint8Array>,
  source: KeyedSource,
  what: 'configmap' | 'secret',
): void {
  if (!source.items?.length) {
    for (const [key, content] of contents) payload.set(key, { content, mode: source.mode });
    return;
  }
  for (const { key, path, mode } of source.items) {
    const content = contents.get(key);
    if (content !== undefined) payload.set(path, { content, mode: mode ?? source.mode });
    else if (!source.optional)
      throw new NotFound(
        what === 'configmap'
          ? `configmap references non-existent config key: ${key}`
          : `references non-existent secret key: ${key}`,
      );
  }
}

function addDownward(
  payload: Map<string, VolumeFile>,
  pod: corev1.Pod,
  items: readonly corev1.DownwardAPIVolumeFile[],
  mode: number,
  facts: DownwardFacts,
): void {
  for (const item of items) {
    let text = '';
    if (item.fieldRef) text = fieldValue(pod, item.fieldRef.fieldPath, facts);
    else if (item.resourceFieldRef) {
      const container = namedContainer(pod, item.resourceFieldRef.containerName ?? '');
      text = resourceFieldValue(container, item.resourceFieldRef, facts);
    }
    payload.set(item.path, { content: Buffer.from(text), mode: item.mode ?? mode });
  }
}
