import { homedir } from 'node:os';
import { messageOf, NotFound, OrreryError } from '../../base/index.ts';
import { API_BINDINGS, WORKSPACES } from '../../client/index.ts';
import type { apisv1alpha2, tenancyv1alpha1 } from '../../kube/index.ts';
import { visibleLines } from '../visible-text.ts';
import { CURRENT, entering, type Place, swapping } from './context-switch.ts';
import { type CurrentFlags, printWorkspace } from './current-workspace.ts';
import { claimWarnings } from './permission-claims.ts';
import { type Session, withSession } from './session.ts';
import {
  baseOf,
  isOldAbsolute,
  join,
  parentOf,
  placeOf,
  readDestination,
  resolveDots,
  serverOf,
  topOf,
  type WorkspacePath,
} from './workspace-path.ts';

/**
 * `ws NAME`, `ws use NAME`: makes a workspace the kubeconfig's current one, where the user may look into it.
 *
 * @param name as readDestination has it; undefined: home, or where the server has no homes, what is current
 * @param command as it was called, for the notes: `kubectl ws`
 */
export async function useWorkspace(
  name: string | undefined,
  flags: CurrentFlags,
  command: string,
): Promise<void> {
  const short = flags.short === true;
  const isHome = await withSession(flags, async (session) => {
    const home = name === undefined ? await homeOf(session) : undefined;
    if (name !== undefined) await goTo(session, name, flags, command);
    else if (home === undefined) printWorkspace(session.server, { short });
    else await enterWorkspace(session, home, flags);
    return home !== undefined;
  });
  if (isHome && !short)
    note(
      `'${command}' now matches 'cd' semantics: go to home workspace. '${command} -' to go back. '${command} .' to print current workspace.`,
    );
}

/** Makes the workspace of that path the current one. */
export async function enterWorkspace(
  session: Session,
  path: WorkspacePath,
  flags: CurrentFlags,
): Promise<void> {
  const [groups, found] = await Promise.all([session.groupsOf(path), findWorkspace(session, path)]);
  if (groups.length === 0) {
    if (found === 'not found') throw new NotFound(`workspace "${path}" not found`);
    throw new OrreryError('Forbidden', `access to workspace "${path}" denied`);
  }
  await commit(session, serverOf(session.place.base, path), {
    short: flags.short === true,
    ...(typeof found === 'object' && { type: found }),
  });
}

async function goTo(session: Session, text: string, flags: CurrentFlags, command: string): Promise<void> {
  const short = flags.short === true;
  const isOld = isOldAbsolute(text);
  if (isOld && !short)
    note(
      "Using 'root:' to define an absolute path is no longer supported. Instead, use ':root' to specify an absolute path.",
    );
  const destination = readDestination(isOld ? `:${text}` : text, homedir());
  switch (destination.kind) {
    case 'current':
      return printWorkspace(session.server, { short });
    case 'previous':
      return await goBack(session, short);
    case 'top':
      return await commit(session, serverOf(session.place.base, topOf(session.path)), { short });
    case 'home': {
      const home = await homeOf(session);
      if (home === undefined)
        throw new NotFound('this server has no home workspaces', {
          hint: `name a workspace: ${command} :root`,
        });
      return await enterWorkspace(session, resolveDots(`${home}${destination.rest}`, text), flags);
    }
    case 'absolute':
      return await enterWorkspace(session, resolveDots(destination.path, text), flags);
    case 'relative':
      return await enterWorkspace(session, resolveDots(join(session.path, destination.path), text), flags);
  }
}

/** Undefined where the server has no home workspaces. */
async function homeOf(session: Session): Promise<WorkspacePath | undefined> {
  const client = await session.in('root');
  const home = await client
    .resource<tenancyv1alpha1.Workspace>(WORKSPACES)
    .get('~')
    .catch((error: unknown) => {
      if (error instanceof NotFound) return undefined;
      throw error;
    });
  if (home === undefined) return undefined;
  const { path } = placeOf(home.spec.URL ?? '');
  if (path === undefined)
    throw new OrreryError('InternalError', `invalid home workspace URL "${home.spec.URL ?? ''}"`);
  return path;
}

/** The type of a workspace, as its parent tells it; undefined when the parent does not tell this user. */
async function findWorkspace(
  session: Session,
  path: WorkspacePath,
): Promise<tenancyv1alpha1.WorkspaceTypeReference | 'not found' | undefined> {
  if (path === 'root') return { name: 'root' };
  const parent = parentOf(path);
  const name = baseOf(path);
  if (parent === '' || name === '') return undefined;
  try {
    const client = await session.in(parent);
    return (await client.resource<tenancyv1alpha1.Workspace>(WORKSPACES).get(name)).spec.type;
  } catch (error) {
    if (error instanceof NotFound) return 'not found';
    if (error instanceof OrreryError && error.code === 'Forbidden') return undefined;
    throw error;
  }
}

async function commit(
  session: Session,
  server: string,
  options: { short: boolean; type?: tenancyv1alpha1.WorkspaceTypeReference },
): Promise<void> {
  const { change, madeFrom } = entering(placeIn(session), server);
  await session.files.change(change, madeFrom);
  await tellOfClaims(session, placeOf(server).path);
  printWorkspace(server, options);
}

async function goBack(session: Session, short: boolean): Promise<void> {
  const { change, madeFrom, server } = swapping(session.files, placeIn(session));
  await session.files.change(change, madeFrom);
  const { base, path } = placeOf(server);
  // Another server, or another user: it is asked nothing.
  const isSameUser = change.contexts?.[CURRENT]?.user === session.context.user;
  if (isSameUser && base === session.place.base) await tellOfClaims(session, path);
  printWorkspace(server, { short });
}

function placeIn(session: Session): Place {
  return { name: session.contextName, context: session.context, cluster: session.cluster };
}

/** The workspace is entered already: what cannot be asked is told, and is no failure. */
async function tellOfClaims(session: Session, path: WorkspacePath | undefined): Promise<void> {
  if (path === undefined) return;
  try {
    const client = await session.in(path);
    const { items } = await client.resource<apisv1alpha2.APIBinding>(API_BINDINGS).list();
    for (const warning of claimWarnings(items)) process.stderr.write(`${visibleLines(warning)}\n`);
  } catch (error) {
    if (error instanceof OrreryError && error.code === 'Forbidden') return;
    process.stderr.write(`error checking APIBindings: ${visibleLines(messageOf(error))}\n`);
  }
}

function note(text: string): void {
  process.stderr.write(`Note: ${text}\n`);
}
