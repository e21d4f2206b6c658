import { BadRequest, NotFound } from '../../base/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { expand } from './expansion.ts';
import { type DownwardFacts, fieldValue, resourceFieldValue } from './field-value.ts';

/** Everything a container's environment is made from; objects that do not exist are absent. */
export interface EnvironmentSources {
  configMaps: ReadonlyMap<string, corev1.ConfigMap>;
  secrets: ReadonlyMap<string, corev1.Secret>;
  /** See serviceEnvironment. */
  services: Readonly<Record<string, string>>;
  facts: DownwardFacts;
}

/**
 * The environment a container asks for, in the kubelet's order: envFrom, env (each may use `$(NAME)` of
 * those before it and of the services), then the services' variables that nobody has set.
 *
 * @throws NotFound when a ConfigMap, Secret or key is missing and not optional; the message is the kubelet's
 * @throws BadRequest for a field that is not supported
 */
export function containerEnvironment(
  pod: corev1.Pod,
  container: corev1.Container,
  sources: EnvironmentSources,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const from of container.envFrom ?? []) addAll(environment, from, sources);
  for (const variable of container.env ?? []) {
    const value = variable.valueFrom
      ? valueFrom(pod, container, variable.valueFrom, sources)
      : expand(variable.value ?? '', (name) => environment[name] ?? sources.services[name]);
    if (value !== undefined) environment[variable.name] = value;
  }
  return { ...sources.services, ...environment };
}

/** Names of the ConfigMaps and Secrets `containerEnvironment` will look for. */
export function environmentReferences(container: corev1.Container): {
  configMaps: Set<string>;
  secrets: Set<string>;
} {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const from of container.envFrom ?? []) {
    if (from.configMapRef?.name) configMaps.add(from.configMapRef.name);
    if (from.secretRef?.name) secrets.add(from.secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}

function addAll(
  environment: Record<string, string>,
  from: corev1.EnvFromSource,
  sources: EnvironmentSources,
): void {
  const prefix = from.prefix ?? '';
  if (from.configMapRef) {
    const { name = '', optional } = from.configMapRef;
    const configMap = found('configmap', name, sources.configMaps, optional);
    for (const [key, value] of Object.entries(configMap?.data ?? {})) environment[prefix + key] = value;
  } else if (from.secretRef) {
    const { name = '', optional } = from.secretRef;
    const secret = found('secret', name, sources.secrets, optional);
    for (const [key, value] of Object.entries(secret?.data ?? {})) environment[prefix + key] = decode(value);
  }
}

function valueFrom(
  pod: corev1.Pod,
  container: corev1.Container,
  source: corev1.EnvVarSource,
  sources: EnvironmentSources,
): string | undefined {
  if (source.fieldRef) return fieldValue(pod, source.fieldRef.fieldPath, sources.facts);
  if (source.resourceFieldRef) {
    const { containerName } = source.resourceFieldRef;
    const of = containerName ? namedContainer(pod, containerName) : container;
    return resourceFieldValue(of, source.resourceFieldRef, sources.facts);
  }
  if (source.configMapKeyRef) {
    const { name = '', key, optional } = source.configMapKeyRef;
    const configMap = found('configmap', name, sources.configMaps, optional);
    if (configMap === undefined) return undefined;
    const value = configMap.data?.[key];
    if (value === undefined && !optional)
      throw new NotFound(`couldn't find key ${key} in ConfigMap ${pod.metadata.namespace}/${name}`);
    return value;
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional } = source.secretKeyRef;
    const secret = found('secret', name, sources.secrets, optional);
    if (secret === undefined) return undefined;
    const value = secret.data?.[key];
    if (value === undefined && !optional)
      throw new NotFound(`couldn't find key ${key} in Secret ${pod.metadata.namespace}/${name}`);
    return value === undefined ? undefined : decode(value);
  }
  throw new BadRequest(`env valueFrom ${Object.keys(source).join(', ')} is not supported`);
}

/** The container a resourceFieldRef names. @throws NotFound */
export function namedContainer(pod: corev1.Pod, name: string): corev1.Container {
  const container = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((c) => c.name === name);
  if (container === undefined) throw new NotFound(`container ${name} not found`);
  return container;
}

function found<T>(
  kind: string,
  name: string,
  objects: ReadonlyMap<string, T>,
  optional?: boolean,
): T | undefined {
  const object = objects.get(name);
  if (object === undefined && !optional) throw new NotFound(`${kind} "${name}" not found`);
  return object;
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
