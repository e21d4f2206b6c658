import type { User } from '../../http/messages.ts';
import { ALL_WORKSPACES } from '../../request-info/request-info.ts';
import { CLUSTER_NAME_EXTRA, WARRANT_EXTRA } from '../effective-users.ts';

/**
 * Who writes through the view of an export, as the workspace's admission sees him: what he writes the workspace has let
 * him, so there, and only there, he gives no more than he has, roles included.
 * Source: pkg/virtual/apiexport/builder/build.go.
 */
export function warranted(user: User, workspace: string): User {
  if (workspace === ALL_WORKSPACES) return user;
  const warrant = {
    user: 'system:serviceaccount:default:rest',
    groups: ['system:kcp:admin'],
    extra: { [CLUSTER_NAME_EXTRA]: [workspace] },
  };
  const warrants = [...(user.extra?.[WARRANT_EXTRA] ?? []), JSON.stringify(warrant)];
  return { ...user, extra: { ...user.extra, [WARRANT_EXTRA]: warrants } };
}
