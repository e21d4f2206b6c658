import {
  type AuthorizationAttributes,
  type Authorizer,
  type Decision,
  NO_OPINION,
} from '../authorization/authorizer.ts';

/** Kinds whose status says what the system has made of them, and is believed. */
const KINDS: ReadonlySet<string> = new Set([
  'tenancy.kcp.io/workspaces',
  'tenancy.kcp.io/workspacetypes',
  'apis.kcp.io/apibindings',
  'apis.kcp.io/apiexports',
]);
const WRITES: ReadonlySet<string> = new Set(['update', 'patch']);

/**
 * Keeps the status of kcp's own kinds from everybody but the system, whatever the roles of a workspace say.
 * Source: kcp pkg/authorization/system_crd_authorizer.go; the maximal permission policy of its tenancy.kcp.io.
 */
export const systemStatusAuthorizer: Authorizer = {
  authorize({ user, verb, resource }: AuthorizationAttributes): Decision {
    if (resource?.subresource !== 'status' || !WRITES.has(verb) || user.isInternal === true)
      return NO_OPINION;
    if (!KINDS.has(`${resource.group}/${resource.resource}`)) return NO_OPINION;
    return { verdict: 'deny', reason: `${resource.resource} status updates not permitted` };
  },
};
