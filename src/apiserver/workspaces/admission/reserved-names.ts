import { fieldErrorText, invalid } from '../../../kube/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../../admission/admission.ts';
import { refused, writes } from './refusal.ts';
import { WORKSPACE_TYPES } from './type-resolution.ts';

const RESERVED = [
  { resource: WORKSPACE_TYPES, names: ['any', 'system'] },
  { resource: { group: '', resource: 'serviceaccounts' }, names: ['kcp-rest'] },
];

/** Names that kcp keeps for itself. Before the schema is asked, as there. Source: kcp pkg/admission/reservednames. */
export const reservedNames: AdmissionPlugin = {
  name: 'apis.kcp.io/ReservedNames',
  mutate(request: AdmissionRequest): void {
    if (request.operation !== 'CREATE' || request.subresource !== undefined) return;
    const name = request.object?.metadata.name ?? request.name;
    const isReserved = RESERVED.some(
      ({ resource, names }) => names.includes(name) && writes(request, resource),
    );
    if (isReserved)
      throw refused(request, fieldErrorText(invalid('metadata.name', name, 'name is reserved')));
  },
};
