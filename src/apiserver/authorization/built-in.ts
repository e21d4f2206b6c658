import { MASTERS_GROUP } from '../http/messages.ts';
import { isInScope } from '../workspaces/effective-users.ts';
import { type Authorizer, type Decision, NO_OPINION } from './authorizer.ts';

/** `system:masters` may do everything; who is scoped to some workspaces, there. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user, workspace }): Decision =>
    user.groups.includes(MASTERS_GROUP) && isInScope(user, workspace)
      ? { verdict: 'allow', reason: '' }
      : NO_OPINION,
};

const HEALTH_PATHS = /^\/(livez|readyz|healthz)$/;

/** Whoever starts us asks for our health before the first role is made. */
export const healthAuthorizer: Authorizer = {
  authorize: ({ resource, verb, path }): Decision =>
    resource === undefined && (verb === 'get' || verb === 'head') && HEALTH_PATHS.test(path)
      ? { verdict: 'allow', reason: '' }
      : NO_OPINION,
};
