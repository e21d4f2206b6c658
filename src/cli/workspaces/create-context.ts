import { BadRequest } from '../../base/index.ts';
import type { ConnectionFlags, Session } from './session.ts';
import { withSession } from './session.ts';

export interface CreateContextFlags extends ConnectionFlags {
  overwrite?: boolean;
}

/** `ws create-context [NAME]`: keeps the current workspace under a name of its own in the kubeconfig. */
export async function createContext(name: string | undefined, flags: CreateContextFlags): Promise<void> {
  await withSession(flags, async (session) => {
    await addContext(session, name ?? session.path, { overwrite: flags.overwrite === true });
  });
}

/**
 * @throws BadRequest when there is a context of that name, unless it may be overwritten
 */
export async function addContext(
  session: Session,
  name: string,
  options: { overwrite: boolean; server?: string; keepCurrent?: boolean },
): Promise<void> {
  const { files, context, cluster, contextName } = session;
  const isThere = files.find('contexts', name) !== undefined;
  if (isThere && !options.overwrite)
    throw new BadRequest(`context "${name}" already exists in kubeconfig, use --overwrite to update it`);
  const server = options.server ?? session.server;
  await files.change(
    {
      clusters: { [name]: { ...cluster, server } },
      contexts: { [name]: { ...context, cluster: name } },
      ...(!options.keepCurrent && { currentContext: name }),
    },
    { [`clusters/${name}`]: String(context.cluster), [`contexts/${name}`]: contextName },
  );
  const isKept = options.keepCurrent || files.currentContext === name;
  process.stdout.write(
    `${isThere ? 'Updated' : 'Created'} context "${name}"${isKept ? '' : ' and switched to it'}.\n`,
  );
}
