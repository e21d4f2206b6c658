import type { FieldError } from '../../../base/index.ts';
import { type apisv1alpha2, equalJson, exportLabelValue, invalid } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import { EXPORT_LABEL } from '../apis/claim-grants.ts';
import { isOfApis, refuse } from './api-resource-schemas.ts';
import type { BindAccess } from './bind-access.ts';
import { finalizerAdmission } from './finalizer.ts';

type Binding = apisv1alpha2.APIBinding;

/** A binding is held until what it bound is gone. Source: pkg/admission/apibindingfinalizer. */
export const apiBindingFinalizer = finalizerAdmission({
  name: 'apis.kcp.io/APIBindingFinalizer',
  resource: { group: APIS_GROUP, resource: 'apibindings' },
  finalizer: 'apis.kcp.io/apibinding-finalizer',
});

/**
 * Who binds must have the verb `bind` on the export; a binding is labelled with what it is bound to.
 * Source: pkg/admission/apibinding.
 */
export class ApiBindingAdmission implements AdmissionPlugin {
  readonly name = 'apis.kcp.io/APIBinding';
  readonly #access: BindAccess;

  constructor(access: BindAccess) {
    this.#access = access;
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    if (!isOfApis(request, 'apibindings') || request.object === undefined) return;
    const binding = request.object as Binding;
    const reference = binding.spec?.reference?.export;
    if (!reference?.name || !mustBeChecked(request, binding)) return;
    const cluster = await this.#access.check(request, reference, 'APIBinding');
    binding.metadata.labels = {
      ...binding.metadata.labels,
      [EXPORT_LABEL]: exportLabelValue(cluster, reference.name),
    };
  }

  async validate(request: AdmissionRequest): Promise<void> {
    if (!isOfApis(request, 'apibindings') || request.object === undefined) return;
    const binding = request.object as Binding;
    const errors = referenceErrors(binding);
    // The older version has no selectors.
    if (request.resource.version !== 'v1alpha1') errors.push(...claimErrors(binding));
    refuse(request, errors);
    if (!mustBeChecked(request, binding)) return;
    // A later plug-in may have changed what was checked.
    const reference = binding.spec.reference.export!;
    const cluster = await this.#access.check(request, reference, 'APIBinding');
    const expected = exportLabelValue(cluster, reference.name);
    const value = binding.metadata.labels?.[EXPORT_LABEL];
    const field = `metadata.labels[${EXPORT_LABEL}]`;
    if (value !== expected)
      refuse(request, [invalid(field, value ?? '', `must be set to ${JSON.stringify(expected)}`)]);
  }
}

function mustBeChecked(request: AdmissionRequest, binding: Binding): boolean {
  if (request.operation === 'CREATE') return true;
  const old = request.oldObject as Binding;
  return (
    !equalJson(binding.spec.reference, old.spec.reference) ||
    binding.metadata.labels?.[EXPORT_LABEL] !== old.metadata.labels?.[EXPORT_LABEL]
  );
}

function referenceErrors({ spec }: Binding): FieldError[] {
  const found = spec?.reference?.export;
  const required = (field: string): FieldError => ({
    type: 'FieldValueRequired',
    field,
    message: 'Required value',
  });
  if (found === undefined) return [required('spec.reference.export')];
  return found.name ? [] : [required('spec.reference.export.name')];
}

/** Source: sdk/apis/apis/v1alpha2/validation.go ValidateAPIBindingPermissionClaims. */
function claimErrors({ spec }: Binding): FieldError[] {
  return (spec.permissionClaims ?? []).flatMap(({ selector }, index) => {
    const at = `spec.permissionClaims[${index}].selector`;
    const has = (name: 'matchLabels' | 'matchExpressions') =>
      Object.keys(selector?.[name] ?? {}).length > 0 ? [name] : [];
    const chosen = [...has('matchLabels'), ...has('matchExpressions')];
    if (selector?.matchAll === true)
      return chosen.map((name) => invalid(`${at}.${name}`, selector, `${name} cannot be used with matchAll`));
    if (chosen.length > 0) return [];
    const message = 'Required value: either one of matchAll, matchLabels, or matchExpressions must be set';
    return [{ type: 'FieldValueRequired', field: at, message }];
  });
}
