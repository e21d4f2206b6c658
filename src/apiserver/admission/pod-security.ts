import {
  comparePodSecurityLevels,
  type corev1,
  equalJson,
  type KubeObject,
  type PodSecurityLevel,
  type PodSecurityMode,
  podSecurityLevel,
  podSecurityViolations,
  validatePodSecurityLabels,
} from '../../kube/index.ts';
import { forbidden, objectInvalid } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

type Template = { template?: { spec?: corev1.PodSpec } };

/** Kinds that make pods: they are warned about, their pods are refused. */
const TEMPLATES: Readonly<Record<string, (object: KubeObject) => corev1.PodSpec | undefined>> = {
  'apps/daemonsets': ofTemplate,
  'apps/deployments': ofTemplate,
  'apps/replicasets': ofTemplate,
  'apps/statefulsets': ofTemplate,
  'batch/jobs': ofTemplate,
  'batch/cronjobs': (object) =>
    (object as { spec?: { jobTemplate?: { spec?: Template } } }).spec?.jobTemplate?.spec?.template?.spec,
  '/replicationcontrollers': ofTemplate,
  '/podtemplates': (object) => (object as Template).template?.spec,
};
const MAX_PODS_CHECKED = 3000;
const ANNOTATIONS = 'pod-security.kubernetes.io/';
type Labels = Record<string, string> | undefined;

/** What namespaces without labels are held to, and who is let off; pod-security.admission.config.k8s.io. */
export interface PodSecurityConfiguration {
  defaults?: Readonly<Record<PodSecurityMode, PodSecurityLevel>>;
  exemptions?: {
    usernames: readonly string[];
    runtimeClasses: readonly string[];
    namespaces: readonly string[];
  };
}

function ofTemplate(object: KubeObject): corev1.PodSpec | undefined {
  return (object as { spec?: Template }).spec?.template?.spec;
}

/**
 * Holds pods to the level the labels of their namespace name.
 * Source: k8s.io/pod-security-admission/admission.
 */
export class PodSecurity implements AdmissionPlugin {
  readonly name = 'PodSecurity';
  readonly #objects: StoredObjects;
  readonly #configuration: PodSecurityConfiguration;

  constructor(objects: StoredObjects, configuration: PodSecurityConfiguration = {}) {
    this.#objects = objects;
    this.#configuration = configuration;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { operation, resource, subresource, object } = request;
    if ((operation !== 'CREATE' && operation !== 'UPDATE') || object === undefined) return;
    if (resource.group === '' && resource.name === 'namespaces' && subresource === undefined)
      return this.#validateNamespace(request);
    if (resource.group === '' && resource.name === 'pods') {
      if (subresource !== undefined && subresource !== 'ephemeralcontainers') return;
      const spec = (object as corev1.Pod).spec;
      if (operation === 'UPDATE' && equalJson(spec, (request.oldObject as corev1.Pod).spec)) return;
      return this.#validatePod(request, spec);
    }
    if (subresource !== undefined) return;
    const spec = TEMPLATES[`${resource.group}/${resource.name}`]?.(object);
    if (spec === undefined || this.#isExempt(request, spec)) return;
    this.#tell(request, await this.#labels(request), spec);
  }

  async #validatePod(request: AdmissionRequest, spec: corev1.PodSpec): Promise<void> {
    if (this.#isExempt(request, spec)) return;
    const labels = await this.#labels(request);
    const level = this.#level(labels, 'enforce');
    request.annotate?.(`${ANNOTATIONS}enforce-policy`, text(level));
    const refused = sentence(level, spec);
    if (refused !== undefined) {
      this.#audit(request, labels, spec);
      throw forbidden(request.resource, request.name || request.object!.metadata.name, `violates ${refused}`);
    }
    this.#tell(request, labels, spec);
  }

  #tell(request: AdmissionRequest, labels: Labels, spec: corev1.PodSpec): void {
    this.#audit(request, labels, spec);
    const wrong = sentence(this.#level(labels, 'warn'), spec);
    if (wrong !== undefined) request.warn?.(`would violate ${wrong}`);
  }

  #audit(request: AdmissionRequest, labels: Labels, spec: corev1.PodSpec): void {
    if (request.annotate === undefined) return;
    const wrong = sentence(this.#level(labels, 'audit'), spec);
    if (wrong !== undefined) request.annotate(`${ANNOTATIONS}audit-violations`, `would violate ${wrong}`);
  }

  #level(labels: Labels, mode: PodSecurityMode): PodSecurityLevel {
    return podSecurityLevel(labels, mode, this.#configuration.defaults?.[mode]);
  }

  #isExempt({ namespace, user, annotate }: AdmissionRequest, { runtimeClassName }: corev1.PodSpec): boolean {
    const { exemptions } = this.#configuration;
    const by = exemptions?.namespaces.includes(namespace ?? '')
      ? 'namespace'
      : exemptions?.usernames.includes(user.name)
        ? 'user'
        : runtimeClassName && exemptions?.runtimeClasses.includes(runtimeClassName)
          ? 'runtimeClass'
          : undefined;
    if (by !== undefined) annotate?.(`${ANNOTATIONS}exempt`, by);
    return by !== undefined;
  }

  async #labels({ workspace, namespace }: AdmissionRequest): Promise<Labels> {
    const found = await this.#objects.find(
      { group: '', resource: 'namespaces' },
      { workspace, name: namespace! },
    );
    return found?.metadata.labels;
  }

  async #validateNamespace(request: AdmissionRequest): Promise<void> {
    const { labels, name } = request.object!.metadata;
    const before = request.oldObject?.metadata.labels;
    const known = new Set(validatePodSecurityLabels(before).map(({ field, message }) => field + message));
    const errors = validatePodSecurityLabels(labels).filter(
      ({ field, message }) => !known.has(field + message),
    );
    if (errors.length > 0) throw objectInvalid(request.resource, name, errors);
    if (request.operation !== 'UPDATE') return;
    const [level, old] = [this.#level(labels, 'enforce'), this.#level(before, 'enforce')];
    if (level.level === 'privileged' || equalJson(level, old)) return;
    if (level.version === old.version && comparePodSecurityLevels(level, old) < 1) return;
    if (this.#configuration.exemptions?.namespaces.includes(name)) return;
    await this.#warnOfPods(request, level);
  }

  /** A namespace that becomes stricter: which pods in it would not be let in now. */
  async #warnOfPods(request: AdmissionRequest, level: PodSecurityLevel): Promise<void> {
    const { workspace, name } = request;
    const pods = await this.#objects.list<corev1.Pod>(
      { group: '', resource: 'pods' },
      { workspace, namespace: name },
    );
    const names = new Map<string, string[]>();
    for (const { object } of pods.slice(0, MAX_PODS_CHECKED)) {
      const why = podSecurityViolations(level, object.spec)
        .map(({ reason }) => reason)
        .join(', ');
      if (why !== '') names.set(why, [...(names.get(why) ?? []), object.metadata.name].sort());
    }
    if (pods.length > MAX_PODS_CHECKED)
      request.warn?.(
        `new PodSecurity enforce level only checked against the first ${MAX_PODS_CHECKED} of ${pods.length} existing pods`,
      );
    if (names.size === 0) return;
    request.warn?.(
      `existing pods in namespace ${JSON.stringify(name)} violate the new PodSecurity enforce level ${JSON.stringify(text(level))}`,
    );
    const others = (count: number) =>
      count === 0 ? '' : ` (and ${count} other ${count === 1 ? 'pod' : 'pods'})`;
    const sentences = [...names].map(([why, [first, ...more]]) => `${first}${others(more.length)}: ${why}`);
    for (const one of sentences.sort()) request.warn?.(one);
  }
}

function text({ level, version }: PodSecurityLevel): string {
  return `${level}:${version}`;
}

/** `PodSecurity "restricted:latest": privileged (container "a" must not …), …`. */
function sentence(level: PodSecurityLevel, spec: corev1.PodSpec): string | undefined {
  const violations = podSecurityViolations(level, spec);
  if (violations.length === 0) return undefined;
  const list = violations.map(({ reason, detail }) => (detail ? `${reason} (${detail})` : reason));
  return `PodSecurity ${JSON.stringify(text(level))}: ${list.join(', ')}`;
}
