import { parseQuantity } from '../quantity/quantity.ts';
import type { corev1, metav1 } from '../types/index.generated.ts';

/** The defaults of a pod's spec that a template gets too (core/v1 SetDefaults_PodSpec and below). */
export function defaultPodSpec(spec: corev1.PodSpec): void {
  spec.containers ??= [];
  spec.dnsPolicy ||= 'ClusterFirst';
  spec.restartPolicy ||= 'Always';
  spec.securityContext ??= {};
  spec.terminationGracePeriodSeconds ??= 30;
  spec.schedulerName ||= 'default-scheduler';
  syncServiceAccount(spec);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
  for (const container of allContainers(spec)) defaultContainer(container);
  canonicalizeAmounts(spec.overhead);
  canonicalizeResources(spec.resources);
}

/** A template that is not there is an empty one, with everything wrong that an empty one has. */
export function defaultPodTemplate(spec: { template?: corev1.PodTemplateSpec }): void {
  const template: Partial<corev1.PodTemplateSpec> = spec.template ?? {};
  template.metadata ??= {} as metav1.ObjectMeta;
  template.spec ??= {} as corev1.PodSpec;
  defaultPodSpec(template.spec);
  spec.template = template as corev1.PodTemplateSpec;
}

function allContainers(spec: corev1.PodSpec): corev1.Container[] {
  return [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...((spec.ephemeralContainers ?? []) as corev1.Container[]),
  ];
}

/** `serviceAccount` is the old name of `serviceAccountName`; the API answers with both. */
export function syncServiceAccount(spec: corev1.PodSpec): void {
  spec.serviceAccountName ||= spec.serviceAccount;
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else {
    delete spec.serviceAccountName;
    delete spec.serviceAccount;
  }
}

function defaultContainer(container: corev1.Container): void {
  container.imagePullPolicy ||= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ||= '/dev/termination-log';
  container.terminationMessagePolicy ||= 'File';
  for (const port of container.ports ?? []) port.protocol ||= 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef !== undefined) valueFrom.fieldRef.apiVersion ||= 'v1';
    defaultDivisor(valueFrom?.resourceFieldRef);
  }
  // A container without resources has them, empty, in every answer of the API.
  container.resources ??= {};
  canonicalizeResources(container.resources);
  defaultProbe(container.livenessProbe);
  defaultProbe(container.readinessProbe);
  defaultProbe(container.startupProbe);
  defaultHttpGet(container.lifecycle?.postStart?.httpGet);
  defaultHttpGet(container.lifecycle?.preStop?.httpGet);
}

function defaultDivisor(ref: corev1.ResourceFieldSelector | undefined): void {
  if (ref !== undefined) ref.divisor = ref.divisor === undefined ? '0' : canonical(ref.divisor);
}

/** Always for `latest`, said or meant; IfNotPresent for every other tag and for digests. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent';
  const lastPart = image.slice(image.lastIndexOf('/') + 1);
  const colon = lastPart.indexOf(':');
  return colon === -1 || lastPart.slice(colon + 1) === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultProbe(probe: corev1.Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
  defaultHttpGet(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function defaultHttpGet(action: corev1.HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ||= '/';
  action.scheme ||= 'HTTP';
}

const DEFAULT_MODE = 0o644;

function defaultVolume(volume: corev1.Volume): void {
  const sources = Object.entries(volume).filter(([key, value]) => key !== 'name' && value !== undefined);
  if (sources.length === 0) volume.emptyDir = {};
  if (volume.emptyDir?.sizeLimit !== undefined) {
    volume.emptyDir.sizeLimit = canonical(volume.emptyDir.sizeLimit);
  }
  for (const kind of ['secret', 'configMap', 'downwardAPI', 'projected'] as const) {
    const source = volume[kind];
    if (source !== undefined) source.defaultMode ??= DEFAULT_MODE;
  }
  if (volume.hostPath !== undefined) volume.hostPath.type ??= '';
  if (volume.image !== undefined) volume.image.pullPolicy ||= pullPolicyOf(volume.image.reference ?? '');
  defaultDownwardApi(volume.downwardAPI?.items);
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken !== undefined) source.serviceAccountToken.expirationSeconds ??= 3600;
    defaultDownwardApi(source.downwardAPI?.items);
  }
}

function defaultDownwardApi(items: corev1.DownwardAPIVolumeFile[] | undefined): void {
  for (const item of items ?? []) {
    if (item.fieldRef !== undefined) item.fieldRef.apiVersion ||= 'v1';
    defaultDivisor(item.resourceFieldRef);
  }
}

function canonicalizeResources(resources: corev1.ResourceRequirements | undefined): void {
  canonicalizeAmounts(resources?.limits);
  canonicalizeAmounts(resources?.requests);
}

/** Quantities as the API stores them: rounded up to thousandths, in canonical form. */
export function canonicalizeAmounts(amounts: Record<string, string | number> | undefined): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) amounts![name] = canonical(amount);
}

function canonical(amount: string | number): string {
  return parseQuantity(amount).roundUpToMilli().toString();
}
