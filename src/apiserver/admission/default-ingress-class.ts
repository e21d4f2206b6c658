import type { networkingv1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';
import { defaultClassName } from './default-class.ts';

const GROUP = 'networking.k8s.io';
const IS_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
/** How a class was named before spec.ingressClassName. */
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';

/**
 * An Ingress that names no class is of the default one, of several the newest.
 * Source: k8s.io/kubernetes/plugin/pkg/admission/network/defaultingressclass.
 */
export class DefaultIngressClass implements AdmissionPlugin {
  readonly name = 'DefaultIngressClass';
  readonly #objects: StoredObjects;

  constructor(objects: StoredObjects) {
    this.#objects = objects;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    const { resource, operation, subresource, workspace } = request;
    if (operation !== 'CREATE' || subresource !== undefined) return;
    if (resource.group !== GROUP || resource.name !== 'ingresses') return;
    const ingress = request.object as networkingv1.Ingress;
    if (ingress.spec === undefined || ingress.spec.ingressClassName !== undefined) return;
    if (ingress.metadata.annotations?.[CLASS_ANNOTATION] !== undefined) return;
    const name = await defaultClassName(
      this.#objects,
      { group: GROUP, resource: 'ingressclasses' },
      { workspace, annotations: [IS_DEFAULT] },
    );
    if (name !== undefined) ingress.spec.ingressClassName = name;
  }
}
