import { NotFound, OrreryError } from '../../base/index.ts';
import { WORKSPACES } from '../../client/index.ts';
import type { tenancyv1alpha1 } from '../../kube/index.ts';
import { outputFormat, printStructured } from '../output.ts';
import { visibleText } from '../visible-text.ts';
import { type ConnectionFlags, type Session, withSession } from './session.ts';
import { baseOf, isWorkspacePath, join, placeOf, type WorkspacePath } from './workspace-path.ts';
import { typeText } from './workspace-type.ts';

type Workspace = tenancyv1alpha1.Workspace;

export interface TreeFlags extends ConnectionFlags {
  full?: boolean;
  interactive?: boolean;
  output?: string;
}

/** A workspace with those below it, as `-o json` shows it. */
export interface TreeNode {
  name: string;
  path: WorkspacePath;
  type?: string;
  cluster?: string;
  phase?: string;
  /** Served elsewhere. */
  isMount?: true;
  children: TreeNode[];
}

/** How many workspaces are asked at once. */
const AT_ONCE = 16;

/** `ws tree`: the current workspace and all below it that the user may see. */
export async function workspaceTree(flags: TreeFlags): Promise<void> {
  const format = outputFormat(flags.output);
  await withSession(flags, async (session) => {
    let { path } = session.place;
    if (path === undefined) {
      process.stderr.write(
        `Warning: current context URL "${session.server}" does not point directly to a kcp workspace (may be a mount). Showing tree from root.\n`,
      );
      path = 'root';
    }
    if (flags.interactive)
      return await (await import('./browse-workspaces.ts')).browseWorkspaces(session, path);
    const top: TreeNode = { name: baseOf(path) || path, path, children: [] };
    await fill(session, top, path);
    if (format === 'text') process.stdout.write(`${treeText(top, flags.full === true)}\n`);
    else await printStructured(top, format);
  });
}

/** The names of the workspaces below the current one, for a shell that completes: it would run what is in others. */
export async function listBelow(flags: ConnectionFlags): Promise<void> {
  const children = await withSession(flags, (session) => childrenOf(session, session.path, true));
  for (const { metadata } of children)
    if (isWorkspacePath(metadata.name)) process.stdout.write(`${metadata.name}\n`);
}

/** Level by level, so that a wide tree is not asked for all at once. */
async function fill(session: Session, top: TreeNode, start: WorkspacePath): Promise<void> {
  let level: { node: TreeNode; address: WorkspacePath }[] = [{ node: top, address: start }];
  while (level.length > 0) {
    const next: typeof level = [];
    for (let at = 0; at < level.length; at += AT_ONCE) {
      const those = level.slice(at, at + AT_ONCE);
      const found = await Promise.all(
        those.map(({ node, address }) => childrenOf(session, address, node === top)),
      );
      for (const [i, children] of found.entries())
        for (const child of children) {
          const node = nodeOf(child, those[i]!.node.path);
          those[i]!.node.children.push(node);
          if (node.isMount === undefined) next.push({ node, address: addressOf(child, node.path) });
        }
    }
    level = next;
  }
}

/** What the user may not look into has nothing below it, unless it was asked for itself. */
export async function childrenOf(
  session: Session,
  path: WorkspacePath,
  isTop: boolean,
): Promise<Workspace[]> {
  const client = await session.in(path);
  try {
    const { items } = await client.resource<Workspace>(WORKSPACES).list();
    // One that goes may not be asked any more.
    return items.filter((one) => one.metadata.deletionTimestamp === undefined);
  } catch (error) {
    const isHidden = error instanceof OrreryError && error.code === 'Forbidden' && !isTop;
    if (error instanceof NotFound || isHidden) return [];
    throw error;
  }
}

export function nodeOf({ metadata, spec, status }: Workspace, parent: WorkspacePath): TreeNode {
  return {
    name: metadata.name,
    path: join(parent, metadata.name),
    ...(spec.type !== undefined && { type: typeText(spec.type) }),
    ...(spec.cluster !== undefined && { cluster: spec.cluster }),
    ...(status?.phase !== undefined && { phase: status.phase }),
    ...(isMount(spec) && { isMount: true as const }),
    children: [],
  };
}

/** A mount's URL may be of any server's; what is below it, that server knows. */
function isMount({ mount, URL }: Workspace['spec']): boolean {
  return mount !== undefined && URL !== undefined && URL !== '' && placeOf(URL).path === undefined;
}

/** The path of its URL; one that has none yet has nothing below it either, and is asked for by its own. */
export function addressOf({ spec, metadata }: Workspace, path: WorkspacePath): WorkspacePath {
  if (spec.URL === undefined || spec.URL === '') return path;
  const place = placeOf(spec.URL);
  if (place.path === undefined)
    throw new OrreryError(
      'InternalError',
      `the URL "${spec.URL}" of workspace "${metadata.name}" does not point to a workspace`,
    );
  return place.path;
}

/** As kcp's plugin draws it. @param full whole paths instead of names */
export function treeText(top: TreeNode, full: boolean): string {
  const label = (node: TreeNode) =>
    `${visibleText(full ? node.path : node.name)}${node.isMount === undefined ? '' : ' [mount]'}`;
  const lines = (nodes: readonly TreeNode[], indent: string): string[] =>
    nodes.flatMap((node, i) => {
      const isLast = i === nodes.length - 1;
      return [
        `${indent}${isLast ? '└── ' : '├── '}${label(node)}`,
        ...lines(node.children, `${indent}${isLast ? '    ' : '│   '}`),
      ];
    });
  return ['.', ...lines([top], '')].map((line) => `${line}\n`).join('');
}
