import { BadRequest } from '../../base/index.ts';

/** A logical cluster's name, or the names on the way to it with colons: `root:team-a`. */
export type WorkspacePath = string;

/** Where a kubeconfig's server leads: the API server, and the workspace when the URL names one. */
export interface ServerPlace {
  /** The URL without `/clusters/…`, and without a slash at its end. */
  base: string;
  path?: WorkspacePath;
}

const SEGMENT = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const VALID = new RegExp(`^${SEGMENT}(?::${SEGMENT})*$`);

/** As logicalcluster.Path.IsValid (github.com/kcp-dev/logicalcluster, path.go): `*` is all of them. */
export function isWorkspacePath(text: string): boolean {
  return text === '*' || VALID.test(text);
}

/** Reads `https://host:6443/clusters/root:team-a`; what stands behind the path counts for nothing. */
export function placeOf(server: string): ServerPlace {
  const at = server.indexOf('/clusters/');
  const path = at < 0 ? '' : server.slice(at + '/clusters/'.length).split('/', 1)[0]!;
  if (!isWorkspacePath(path)) return { base: server.replace(/\/+$/, '') };
  return { base: server.slice(0, at).replace(/\/+$/, ''), path };
}

export function serverOf(base: string, path: WorkspacePath): string {
  return `${base}/clusters/${path}`;
}

/** The path above, '' above the first; names of the `system:` kind have none above them but themselves. */
export function parentOf(path: WorkspacePath): WorkspacePath {
  if (path.startsWith('system:')) return path;
  return path.slice(0, Math.max(0, path.lastIndexOf(':')));
}

/** The last name of the path. */
export function baseOf(path: WorkspacePath): string {
  return path.startsWith('system:') ? '' : path.slice(path.lastIndexOf(':') + 1);
}

/** The first name of the path. */
export function topOf(path: WorkspacePath): WorkspacePath {
  let top = path;
  for (let above = parentOf(top); above !== '' && above !== top; above = parentOf(top)) top = above;
  return top;
}

export function join(parent: WorkspacePath, name: string): WorkspacePath {
  return parent === '' ? name : `${parent}:${name}`;
}

/** What a user may mean by the name of a workspace. */
export type Destination =
  | { kind: 'current' }
  | { kind: 'previous' }
  | { kind: 'top' }
  /** Below the home workspace: `~:a` with rest `:a`. */
  | { kind: 'home'; rest: string }
  | { kind: 'absolute'; path: string }
  | { kind: 'relative'; path: string };

/**
 * `.`, `-`, `:`, `~`, `~/a`, `:root:a`, `/root/a`, `a:b`, `../b`. A shell that made the home folder out of `~` is
 * understood too; slashes are colons.
 *
 * @param homeFolder of the user, '' when it has none
 */
export function readDestination(text: string, homeFolder: string): Destination {
  let name = text;
  if (homeFolder !== '' && (name === homeFolder || name.startsWith(`${homeFolder}/`)))
    name = `~${name.slice(homeFolder.length)}`;
  name = name.replaceAll('/', ':');
  if (name === '' || name === '~' || name.startsWith('~:')) return { kind: 'home', rest: name.slice(1) };
  if (name === '.') return { kind: 'current' };
  if (name === '-') return { kind: 'previous' };
  if (name === ':') return { kind: 'top' };
  if (name.startsWith(':')) return { kind: 'absolute', path: name.slice(1) };
  return { kind: 'relative', path: name };
}

/** `root`, `root:a`: an absolute path as kcp wrote it once, without the colon before it. */
export function isOldAbsolute(text: string): boolean {
  return /^root(?:[:/]|$)/.test(text);
}

/**
 * Takes `.` and `..` out of an absolute path.
 *
 * @param given what the user wrote, for the message
 * @throws BadRequest with kcp's words
 */
export function resolveDots(path: string, given: string): WorkspacePath {
  let resolved = '';
  for (const part of path.split(':')) {
    if (part === '.') continue;
    if (part !== '..') resolved = join(resolved, part);
    else if (resolved === '') throw new BadRequest('cannot go up from root');
    else resolved = parentOf(resolved);
  }
  if (!isWorkspacePath(resolved)) throw new BadRequest(`invalid workspace path: ${given}`);
  return resolved;
}
