import type { networkingv1 } from '../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest, StoredObjects } from './admission.ts';

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
    const classes = await this.#objects.list<networkingv1.IngressClass>(
      { group: GROUP, resource: 'ingressclasses' },
      { workspace },
    );
    const [newest] = classes
      .map(({ object }) => object)
      .filter(({ metadata }) => metadata.annotations?.[IS_DEFAULT] === 'true')
      .sort((a, b) => compareAge(a, b));
    if (newest !== undefined) ingress.spec.ingressClassName = newest.metadata.name;
  }
}

function compareAge(a: networkingv1.IngressClass, b: networkingv1.IngressClass): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? 1 : -1;
  return a.metadata.name < b.metadata.name ? -1 : 1;
}
