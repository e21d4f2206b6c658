import { forbidden } from '../errors.ts';
import type { ResourceRequest } from '../registry/registry.ts';
import { type AuthorizationAttributes, type Authorizer, forbiddenSentence } from './authorizer.ts';

/**
 * A PUT or an apply that makes the object needs the verb `create` too: the one it came with was checked already.
 * Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go withAuthorization.
 *
 * @throws OrreryError Forbidden.
 */
export async function authorizeCreate(authorizer: Authorizer, request: ResourceRequest): Promise<void> {
  const { resource, name, namespace, user, workspace } = request;
  const attributes: AuthorizationAttributes = {
    user,
    workspace,
    verb: 'create',
    path: '',
    resource: {
      group: resource.group,
      version: resource.version,
      resource: resource.name,
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
    },
  };
  const { verdict, reason } = await authorizer.authorize(attributes);
  if (verdict !== 'allow') throw forbidden(resource, name ?? '', forbiddenSentence(attributes, reason));
}
