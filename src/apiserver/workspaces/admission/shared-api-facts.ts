import { equalJson, type KubeObject } from '../../../kube/index.ts';
import type { AdmissionPlugin } from '../../admission/admission.ts';
import { APIS_GROUP } from '../apis/bound-apis.ts';
import { isPrivileged } from './privileged.ts';
import { refused, writes } from './refusal.ts';

/** What of a status says whose objects are seen, and what is served. */
const FACTS: Readonly<Record<string, readonly string[]>> = {
  apiexports: ['identityHash'],
  apibindings: [
    'apiExportClusterName',
    'boundResources',
    'exportPermissionClaims',
    'appliedPermissionClaims',
  ],
};

/**
 * Under the identity of an export lie the objects of all its consumers, and what is bound may be bound by who has the
 * right to: the server alone says so. No role lets anybody write these (kcp pkg/authorization/system_crd_authorizer.go);
 * a claim on bindings, through the view of an export, does not either.
 */
export const sharedApiFacts: AdmissionPlugin = {
  name: 'apis.kcp.io/SharedAPIFacts',
  validate(request) {
    const { resource, operation, user } = request;
    const facts = FACTS[resource.name];
    if (facts === undefined || !writes(request, { group: APIS_GROUP, resource: resource.name })) return;
    if (isPrivileged(user)) return;
    const [next, old] = [statusOf(request.object), operation === 'CREATE' ? {} : statusOf(request.oldObject)];
    const field = facts.find((one) => !equalJson(next[one], old[one]));
    if (field !== undefined) throw refused(request, `status.${field} is written by the server alone`);
  },
};

function statusOf(object: Readonly<KubeObject> | undefined): Readonly<Record<string, unknown>> {
  return (object as { status?: Record<string, unknown> } | undefined)?.status ?? {};
}
