import { type corev1alpha1, invalid } from '../../../kube/index.ts';
import { AdmissionChain, type AdmissionRequest } from '../../admission/admission.ts';
import { objectInvalid } from '../../errors.ts';

/** Who initializes or terminates says, of a logical cluster, that it is done: it takes its own name away, and no other. */
export class LifecycleAdmission extends AdmissionChain {
  readonly #inner: AdmissionChain;
  readonly #who: { field: 'initializers' | 'terminators'; name: string };

  constructor(inner: AdmissionChain, who: { field: 'initializers' | 'terminators'; name: string }) {
    super([]);
    this.#inner = inner;
    this.#who = who;
  }

  override mutate(request: AdmissionRequest): Promise<void> {
    return this.#inner.mutate(request);
  }

  override async validate(request: AdmissionRequest): Promise<void> {
    const { field, name } = this.#who;
    const [before, after] = [request.oldObject, request.object].map(
      (object) => (object as corev1alpha1.LogicalCluster | undefined)?.status?.[field] ?? [],
    );
    if (before!.length - after!.length !== 1 || after!.includes(name)) {
      const message = `only removing the ${JSON.stringify(name)} ${field.slice(0, -1)} is supported`;
      throw objectInvalid(request.resource, request.name, [invalid(`status.${field}`, after, message)]);
    }
    await this.#inner.validate(request);
  }

  override around<T>(request: AdmissionRequest, write: () => Promise<T>): Promise<T> {
    return this.#inner.around(request, write);
  }
}
