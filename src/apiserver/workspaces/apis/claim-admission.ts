import type { GrantedClaim } from '../../../kube/index.ts';
import { AdmissionChain, type AdmissionRequest } from '../../admission/admission.ts';
import { forbidden } from '../../errors.ts';

/**
 * Who writes under a claim writes what the claim is about: labels that are asked for are put on, and an object that is
 * none of those it may see is refused. Source: pkg/virtual/apiexport/admission/selector.go.
 */
export class ClaimAdmission extends AdmissionChain {
  readonly #inner: AdmissionChain;
  readonly #granted: GrantedClaim;

  constructor(inner: AdmissionChain, granted: GrantedClaim) {
    super([]);
    this.#inner = inner;
    this.#granted = granted;
  }

  override async mutate(request: AdmissionRequest): Promise<void> {
    if (this.#isMeant(request)) this.#putLabels(request);
    await this.#inner.mutate(request);
  }

  override async validate(request: AdmissionRequest): Promise<void> {
    if (this.#isMeant(request) && !this.#granted.matches(request.object!.metadata.labels))
      throw forbidden(request.resource, request.name, 'object does not match required labels');
    await this.#inner.validate(request);
  }

  override around<T>(request: AdmissionRequest, write: () => Promise<T>): Promise<T> {
    return this.#inner.around(request, write);
  }

  #isMeant({ operation, object }: AdmissionRequest): boolean {
    return object !== undefined && (operation === 'CREATE' || operation === 'UPDATE');
  }

  #putLabels({ resource, name, object }: AdmissionRequest): void {
    const { metadata } = object!;
    for (const [key, value] of Object.entries(this.#granted.selector?.matchLabels ?? {})) {
      const current = metadata.labels?.[key];
      if (current !== undefined && current !== value)
        throw forbidden(resource, name, `protected label ${key} must have value ${value}`);
      metadata.labels = { ...metadata.labels, [key]: value };
    }
  }
}
