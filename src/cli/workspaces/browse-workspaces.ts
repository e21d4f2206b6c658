import { BadRequest, NotFound, OrreryError } from '../../base/index.ts';
import { API_BINDINGS, API_EXPORTS, type ResourceRef } from '../../client/index.ts';
import type { KubeObject } from '../../kube/index.ts';
import type { Session } from './session.ts';
import { type Apis, type Branch, type Key, keysOf, TreeBrowser } from './tree-browser.ts';
import { enterWorkspace } from './use-workspace.ts';
import { baseOf, topOf, type WorkspacePath } from './workspace-path.ts';
import { addressOf, childrenOf, nodeOf } from './workspace-tree.ts';

/** `ws tree -i`: looks around in the tree, and enters the workspace that was chosen. */
export async function browseWorkspaces(session: Session, current: WorkspacePath): Promise<void> {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) throw new BadRequest('interactive mode needs a terminal');
  const path = topOf(current);
  const top: Branch = { name: baseOf(path) || path, path, address: path, isOpen: true };
  await openAlong(session, top, current);
  const chosen = await withScreen(async (keys) => await browse(session, new TreeBrowser(top, current), keys));
  if (chosen !== undefined) await enterWorkspace(session, chosen, {});
}

/** Opens what lies on the way to the current workspace. */
async function openAlong(session: Session, branch: Branch, current: WorkspacePath): Promise<void> {
  await load(session, branch, true);
  const next = branch.children?.find(({ path }) => path === current || current.startsWith(`${path}:`));
  if (next === undefined || next.path === current) return;
  next.isOpen = true;
  await openAlong(session, next, current);
}

async function browse(
  session: Session,
  browser: TreeBrowser,
  keys: AsyncIterable<Key>,
): Promise<WorkspacePath | undefined> {
  await show(session, browser);
  for await (const key of keys) {
    if (key === 'quit') return undefined;
    if (key === 'enter') {
      if (browser.cursor.isMount === undefined) return browser.cursor.path;
      continue;
    }
    browser.press(key);
    await show(session, browser);
  }
  return undefined;
}

/** Draws, asks for what is missing, and draws again. */
async function show(session: Session, browser: TreeBrowser): Promise<void> {
  draw(browser);
  const { cursor } = browser;
  if (cursor.isMount !== undefined) return;
  if (cursor.isOpen && cursor.children === undefined) await load(session, cursor, false);
  cursor.apis ??= await apisOf(session, cursor.address);
  draw(browser);
}

function draw(browser: TreeBrowser): void {
  const columns = process.stdout.columns || 80;
  const rows = process.stdout.rows || 24;
  process.stdout.write(`\x1b[H\x1b[J${browser.draw(columns, rows).join('\r\n')}`);
}

async function load(session: Session, branch: Branch, isTop: boolean): Promise<void> {
  const found = await childrenOf(session, branch.address, isTop);
  branch.children = found.map((workspace) => {
    const { children: _, ...node } = nodeOf(workspace, branch.path);
    const address = node.isMount === undefined ? addressOf(workspace, node.path) : node.path;
    return { ...node, address, isOpen: false };
  });
}

async function apisOf(session: Session, address: WorkspacePath): Promise<Apis> {
  const [exports, bindings] = await Promise.all([
    namesOf(session, address, API_EXPORTS),
    namesOf(session, address, API_BINDINGS),
  ]);
  return { ...(exports !== undefined && { exports }), ...(bindings !== undefined && { bindings }) };
}

async function namesOf(
  session: Session,
  address: WorkspacePath,
  ref: ResourceRef,
): Promise<string[] | undefined> {
  try {
    const { items } = await (await session.in(address)).resource<KubeObject>(ref).list();
    return items.map(({ metadata }) => metadata.name);
  } catch (error) {
    const isHidden = error instanceof OrreryError && error.code === 'Forbidden';
    if (isHidden || error instanceof NotFound) return undefined;
    throw error;
  }
}

/** The terminal's other screen, without a cursor and key by key; as it was before, whatever happens. */
async function withScreen<R>(run: (keys: AsyncIterable<Key>) => Promise<R>): Promise<R> {
  const { stdin, stdout } = process;
  const restore = () => {
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write('\x1b[?25h\x1b[?1049l');
  };
  stdin.setRawMode(true);
  stdout.write('\x1b[?1049h\x1b[?25l');
  try {
    return await run(keys(stdin));
  } finally {
    restore();
  }
}

async function* keys(input: NodeJS.ReadStream): AsyncIterable<Key> {
  for await (const chunk of input) yield* keysOf(String(chunk));
}
