import { visibleText } from '../visible-text.ts';
import type { WorkspacePath } from './workspace-path.ts';

/** A workspace in the browser. */
export interface Branch {
  name: string;
  path: WorkspacePath;
  /** How it is asked for: the path of its URL. */
  address: WorkspacePath;
  type?: string;
  cluster?: string;
  isMount?: true;
  /** Undefined until they were asked for. */
  children?: readonly Branch[];
  isOpen: boolean;
  /** Its exports and bindings; undefined until they were asked for. */
  apis?: Apis;
}

/** Names; undefined for what the user may not list. */
export interface Apis {
  exports?: readonly string[];
  bindings?: readonly string[];
}

export type Key = 'up' | 'down' | 'open' | 'close' | 'toggle' | 'enter' | 'quit';

const KEYS: Readonly<Record<string, Key>> = {
  ...{ '\x1b[A': 'up', '\x1bOA': 'up', k: 'up' },
  ...{ '\x1b[B': 'down', '\x1bOB': 'down', j: 'down' },
  ...{ '\x1b[C': 'open', '\x1bOC': 'open', l: 'open' },
  ...{ '\x1b[D': 'close', '\x1bOD': 'close', h: 'close', '\x7f': 'close', '\b': 'close' },
  ...{ ' ': 'toggle', '\r': 'enter', '\n': 'enter' },
  ...{ q: 'quit', '\x1b': 'quit', '\x03': 'quit' },
};

/** What a terminal sent, key by key; keys that mean nothing here are left out. */
export function keysOf(input: string): Key[] {
  return (input.match(/\p{Cc}[[O]\p{Lu}|\p{Any}/gu) ?? []).flatMap((one) => KEYS[one] ?? []);
}

/**
 * A tree of workspaces with a cursor, as kcp's `ws tree -i` shows it. Holds no terminal and asks no server: who drives
 * it gives it keys, loads the branches that it names, and draws its lines.
 */
export class TreeBrowser {
  readonly #top: Branch;
  readonly #current: WorkspacePath;
  #cursor: Branch;
  /** The first row that is drawn. */
  #offset = 0;

  /** @param current where the kubeconfig is; the cursor begins there when it is shown */
  constructor(top: Branch, current: WorkspacePath) {
    this.#top = top;
    this.#current = current;
    this.#cursor = this.#rows().find(({ branch }) => branch.path === current)?.branch ?? top;
  }

  get cursor(): Branch {
    return this.#cursor;
  }

  /** Moves, opens or closes; what is opened needs its children. Quitting and entering are the driver's. */
  press(key: Key): void {
    const rows = this.#rows();
    const at = rows.findIndex(({ branch }) => branch === this.#cursor);
    if (key === 'up') this.#cursor = rows[Math.max(0, at - 1)]!.branch;
    if (key === 'down') this.#cursor = rows[Math.min(rows.length - 1, at + 1)]!.branch;
    if (key === 'open') this.#cursor.isOpen = true;
    if (key === 'close') this.#cursor.isOpen = false;
    if (key === 'toggle') this.#cursor.isOpen = !this.#cursor.isOpen;
  }

  /** The screen, at most `height` lines of `width` characters. */
  draw(width: number, height: number): string[] {
    const { apis } = this.#cursor;
    const below = [
      ...listed('APIExports', apis?.exports),
      ...listed('APIBindings', apis?.bindings),
      '',
      '↑/↓: navigate  →/←/Space: expand/collapse  q: quit',
      ...(this.#canEnter() ? ['Press Enter to switch to this workspace'] : []),
    ];
    const room = Math.max(3, height - below.length - 2);
    const rows = this.#rows();
    const at = rows.findIndex(({ branch }) => branch === this.#cursor);
    if (at < this.#offset) this.#offset = at;
    if (at >= this.#offset + room) this.#offset = at - room + 1;
    this.#offset = Math.max(0, Math.min(this.#offset, rows.length - room));
    const shown = rows.slice(this.#offset, this.#offset + room).map((row) => this.#line(row));
    if (this.#offset > 0 && shown.length > 1) shown[0] = '  ...';
    if (this.#offset + room < rows.length && shown.length > 1) shown[shown.length - 1] = '  ...';
    const lines = [this.#title(), '', ...shown, ...below];
    return lines.slice(0, height).map((line) => cut(visibleText(line), width));
  }

  #canEnter(): boolean {
    return this.#cursor.isMount === undefined;
  }

  #title(): string {
    const { path, type, cluster } = this.#cursor;
    const facts = [path, type, cluster === undefined ? undefined : `cluster:${cluster}`];
    return `kcp Workspaces  ${facts.filter((fact) => fact !== undefined).join(' | ')}`;
  }

  #line({ branch, depth }: Row): string {
    const hasMore = branch.isMount === undefined && (branch.children?.length ?? 1) > 0;
    const icon = hasMore ? (branch.isOpen ? '▼ ' : '▶ ') : '  ';
    const here = branch.path === this.#current ? ' *' : '';
    const mount = branch.isMount === undefined ? '' : ' [mount]';
    return `${branch === this.#cursor ? '→ ' : '  '}${'  '.repeat(depth)}${icon}${branch.name}${mount}${here}`;
  }

  #rows(): Row[] {
    const rows = (branch: Branch, depth: number): Row[] => [
      { branch, depth },
      ...(branch.isOpen ? (branch.children ?? []).flatMap((child) => rows(child, depth + 1)) : []),
    ];
    return rows(this.#top, 0);
  }
}

interface Row {
  branch: Branch;
  depth: number;
}

/** How many names of a kind are shown. */
const MOST_NAMES = 8;

function listed(title: string, names: readonly string[] | undefined): string[] {
  if (names === undefined || names.length === 0) return [];
  const rest = names.length - MOST_NAMES;
  return [
    '',
    `${title} (${names.length}):`,
    ...names.slice(0, MOST_NAMES).map((name) => `  • ${name}`),
    ...(rest > 0 ? [`  … ${rest} more`] : []),
  ];
}

function cut(line: string, width: number): string {
  return line.length <= width ? line : `${line.slice(0, Math.max(0, width - 1))}…`;
}
