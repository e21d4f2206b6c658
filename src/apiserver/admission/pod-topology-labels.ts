import type { corev1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

const LABELS = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/**
 * A pod carries the zone and region of its node, as far as it does not say itself where it is.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/podtopologylabels.
 */
export class PodTopologyLabels implements AdmissionPlugin {
  readonly name = 'PodTopologyLabels';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    const { resource, subresource, operation, object, body } = request;
    if (resource.group !== '' || resource.name !== 'pods' || operation !== 'CREATE') return;
    if (subresource === 'binding') {
      const binding = body as corev1.Binding;
      if (binding.target.kind === 'Node') await this.#label(request, binding, binding.target.name);
    } else if (subresource === undefined)
      await this.#label(request, object!, (object as corev1.Pod).spec?.nodeName);
  }

  async #label(
    { workspace }: AdmissionRequest,
    object: { metadata: { labels?: Record<string, string> } },
    node: string | undefined,
  ): Promise<void> {
    if (!node) return;
    const found = await this.#objects.find({ group: '', resource: 'nodes' }, { workspace, name: node });
    const labels = found?.metadata.labels ?? {};
    const copied = LABELS.flatMap((label) => (labels[label] === undefined ? [] : [[label, labels[label]]]));
    if (copied.length === 0) return;
    object.metadata.labels = { ...Object.fromEntries(copied), ...object.metadata.labels };
  }
}
