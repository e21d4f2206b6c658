import type { User } from '../http/messages.ts';

/** What is asked for; k8s.io/apiserver/pkg/authorization/authorizer.Attributes. */
export interface AuthorizationAttributes {
  user: User;
  workspace: string;
  verb: string;
  /** Absent for a path that is no resource. */
  resource?: {
    group: string;
    version: string;
    resource: string;
    subresource?: string;
    namespace?: string;
    name?: string;
    /** The request's field selector, unparsed: a list of one name may be judged as that one. */
    fieldSelector?: string;
  };
  path: string;
  /** What the roles of the workspace would say, might the user come in. */
  isHypothetical?: boolean;
}

export type Decision = { verdict: 'allow' | 'deny' | 'no opinion'; reason: string };

export const NO_OPINION: Decision = { verdict: 'no opinion', reason: '' };

/** The hook: the first that allows or denies decides. */
export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): Promise<Decision> | Decision;
}

export class UnionAuthorizer implements Authorizer {
  readonly #authorizers: readonly Authorizer[];

  constructor(authorizers: readonly Authorizer[]) {
    this.#authorizers = authorizers;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<Decision> {
    const reasons: string[] = [];
    for (const authorizer of this.#authorizers) {
      const asked = authorizer.authorize(attributes);
      const decision = asked instanceof Promise ? await asked : asked;
      if (decision.verdict !== 'no opinion') return decision;
      if (decision.reason !== '') reasons.push(decision.reason);
    }
    return { verdict: 'no opinion', reason: reasons.join(', ') };
  }
}

/** Kubernetes' sentence; k8s.io/apiserver/pkg/endpoints/handlers/responsewriters forbiddenMessage. */
export function forbiddenSentence(attributes: AuthorizationAttributes, reason: string): string {
  const { user, resource, verb } = attributes;
  const tail = reason === '' ? '' : `: ${reason}`;
  if (resource === undefined)
    return `User ${JSON.stringify(user.name)} cannot ${verb} path ${JSON.stringify(attributes.path)}${tail}`;
  const what = resource.subresource ? `${resource.resource}/${resource.subresource}` : resource.resource;
  const where =
    resource.namespace !== undefined && resource.namespace !== ''
      ? ` in the namespace ${JSON.stringify(resource.namespace)}`
      : ' at the cluster scope';
  return `User ${JSON.stringify(user.name)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(resource.group)}${where}${tail}`;
}
