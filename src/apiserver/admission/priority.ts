import type { corev1, KubeObject, schedulingv1 } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const PRIORITY_CLASSES = { group: 'scheduling.k8s.io', resource: 'priorityclasses' };
const SYSTEM_CLASSES = new Set(['system-cluster-critical', 'system-node-critical']);
type PriorityClass = schedulingv1.PriorityClass;

/**
 * Turns a pod's priorityClassName into a number; keeps one default class at most, and the two system classes.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/priority, pkg/registry/scheduling/priorityclass/storage.
 */
export class PriorityAdmission implements AdmissionPlugin {
  readonly name = 'Priority';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    const { resource, operation, subresource } = request;
    if (resource.group !== '' || resource.name !== 'pods' || subresource !== undefined) return;
    if (operation === 'CREATE') await this.#resolve(request, request.object as corev1.Pod);
    if (operation === 'UPDATE') keep(request.object as corev1.Pod, request.oldObject as corev1.Pod);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const { resource, operation, name, object } = request;
    if (resource.group !== PRIORITY_CLASSES.group || resource.name !== PRIORITY_CLASSES.resource) return;
    if (operation === 'DELETE' && SYSTEM_CLASSES.has(name))
      throw forbidden(resource, name, 'this is a system priority class and cannot be deleted');
    if ((object as PriorityClass | undefined)?.globalDefault !== true) return;
    const others = (await this.#classes(request.workspace)).filter(
      (one) => one.globalDefault === true && one.metadata.name !== object!.metadata.name,
    );
    if (others.length === 0) return;
    throw forbidden(
      resource,
      object!.metadata.name,
      `PriorityClass ${others[0]!.metadata.name} is already marked as default. Only one default can exist`,
    );
  }

  async #resolve(request: AdmissionRequest, pod: corev1.Pod): Promise<void> {
    const { spec } = pod;
    if (spec === undefined) return;
    const found = await this.#classOf(request, spec.priorityClassName ?? '');
    if (found !== undefined) spec.priorityClassName = found.metadata.name;
    const priority = found?.value ?? 0;
    const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
    const refused = (what: string, given: unknown, computed: unknown) =>
      forbidden(
        request.resource,
        request.name,
        `the ${what} (${given}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`,
      );
    if (spec.priority !== undefined && spec.priority !== priority)
      throw refused('integer value of priority', spec.priority, priority);
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy)
      throw refused('string value of PreemptionPolicy', spec.preemptionPolicy, policy);
    spec.priority = priority;
    spec.preemptionPolicy = policy;
  }

  /** Undefined when the pod names none and no class is the default. */
  async #classOf(
    request: AdmissionRequest,
    name: string,
  ): Promise<Pick<PriorityClass, 'metadata' | 'value' | 'preemptionPolicy'> | undefined> {
    if (name === '') {
      const defaults = (await this.#classes(request.workspace)).filter((one) => one.globalDefault === true);
      return defaults.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
    }
    const found = await this.#objects.find<PriorityClass>(PRIORITY_CLASSES, {
      workspace: request.workspace,
      name,
    });
    if (found === undefined)
      throw forbidden(request.resource, request.name, `no PriorityClass with name ${name} was found`);
    return found;
  }

  async #classes(workspace: string): Promise<Readonly<PriorityClass>[]> {
    const all = await this.#objects.list<PriorityClass>(PRIORITY_CLASSES, { workspace });
    return all.map(({ object }) => object);
  }
}

/** An update that leaves out what was computed means what it was. */
function keep(pod: corev1.Pod & KubeObject, old: Readonly<corev1.Pod>): void {
  if (pod.spec === undefined || old.spec === undefined) return;
  if (old.spec.priority !== undefined) pod.spec.priority ??= old.spec.priority;
  if (old.spec.preemptionPolicy !== undefined) pod.spec.preemptionPolicy ??= old.spec.preemptionPolicy;
}
