import { type corev1, type nodev1, semanticallyEqual } from '../../kube/index.ts';
import { forbidden } from '../errors.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';
import { isPodCreate } from './service-account.ts';

type RuntimeClassObject = Readonly<nodev1.RuntimeClass>;

/**
 * A pod of a RuntimeClass takes its overhead and goes where it is.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/runtimeclass.
 */
export class RuntimeClass implements AdmissionPlugin {
  readonly name = 'RuntimeClass';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (!isPodCreate(request)) return;
    const { spec } = request.object as corev1.Pod;
    const found = await this.#classOf(request, spec);
    if (found === undefined) return;
    const overhead = found.overhead?.podFixed;
    if (overhead !== undefined) {
      if (spec.overhead !== undefined && !semanticallyEqual(spec.overhead, overhead))
        throw refused(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
      spec.overhead = { ...overhead };
    }
    place(request, spec, found);
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!isPodCreate(request)) return;
    const { spec } = request.object as corev1.Pod;
    const overhead = (await this.#classOf(request, spec))?.overhead?.podFixed;
    if (overhead === undefined) {
      if (spec.overhead !== undefined)
        throw refused(
          request,
          'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
        );
    } else if (!semanticallyEqual(spec.overhead, overhead))
      throw refused(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }

  async #classOf(request: AdmissionRequest, spec: corev1.PodSpec): Promise<RuntimeClassObject | undefined> {
    const name = spec.runtimeClassName;
    if (!name) return undefined;
    const found = await this.#objects.find<nodev1.RuntimeClass>(
      { group: 'node.k8s.io', resource: 'runtimeclasses' },
      { workspace: request.workspace, name },
    );
    if (found !== undefined) return found;
    throw refused(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
  }
}

/** Merges where the class runs into where the pod wants to run. Changes `spec`. */
function place(request: AdmissionRequest, spec: corev1.PodSpec, { scheduling }: RuntimeClassObject): void {
  const selector = scheduling?.nodeSelector ?? {};
  for (const [key, value] of Object.entries(selector)) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value)
      throw refused(
        request,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
  }
  if (Object.keys(selector).length > 0) spec.nodeSelector = { ...spec.nodeSelector, ...selector };
  const missing = (scheduling?.tolerations ?? []).filter(
    (toleration) => !(spec.tolerations ?? []).some((own) => semanticallyEqual(own, toleration)),
  );
  if (missing.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...structuredClone(missing)];
}

function refused(request: AdmissionRequest, why: string) {
  return forbidden(request.resource, request.name || request.object!.metadata.name, why);
}
