import { AUTHENTICATED_GROUP, MASTERS_GROUP } from '../http/messages.ts';
import { type AuthorizationAttributes, type Authorizer, type Decision, NO_OPINION } from './authorizer.ts';

/** `system:masters` may do everything. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }): Decision =>
    user.groups.includes(MASTERS_GROUP) ? { verdict: 'allow', reason: '' } : NO_OPINION,
};

/** upstream's ClusterRole system:discovery and system:public-info-viewer, as paths. */
const PUBLIC_PATHS = /^\/(livez|readyz|healthz)(\/[^/]*)?$|^\/version\/?$/;
const DISCOVERY_PATHS =
  /^\/$|^\/(api|apis|openapi)(\/.*)?$|^\/(livez|readyz|healthz|version)\/?$|^\/\.well-known\/openid-configuration$|^\/openid\/v1\/jwks$/;

/** upstream's ClusterRole system:basic-user. */
const SELF_REVIEWS: Readonly<Record<string, readonly string[]>> = {
  'authorization.k8s.io': ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  'authentication.k8s.io': ['selfsubjectreviews'],
};

/** What everyone may: health and version; what everyone with an identity may: discovery, and asking about oneself. */
export const basicAuthorizer: Authorizer = {
  authorize(attributes: AuthorizationAttributes): Decision {
    const { resource, verb, path, user } = attributes;
    const reading = verb === 'get' || verb === 'head';
    if (resource === undefined && reading && PUBLIC_PATHS.test(path)) return { verdict: 'allow', reason: '' };
    if (!user.groups.includes(AUTHENTICATED_GROUP)) return NO_OPINION;
    if (resource === undefined)
      return reading && DISCOVERY_PATHS.test(path) ? { verdict: 'allow', reason: '' } : NO_OPINION;
    return verb === 'create' && SELF_REVIEWS[resource.group]?.includes(resource.resource) === true
      ? { verdict: 'allow', reason: '' }
      : NO_OPINION;
  },
};
