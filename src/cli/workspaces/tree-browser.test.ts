import { expect, test } from 'vitest';
import { type Branch, keysOf, TreeBrowser } from './tree-browser.ts';

const branch = (path: string, children?: Branch[], more: Partial<Branch> = {}): Branch => ({
  name: path.split(':').at(-1)!,
  path,
  address: path,
  isOpen: false,
  ...(children !== undefined && { children }),
  ...more,
});
const tree = () =>
  branch(
    'root',
    [
      branch('root:a', [branch('root:a:x', [])]),
      branch('root:b'),
      branch('root:m', undefined, { isMount: true, name: 'm' }),
    ],
    { isOpen: true, type: 'root:root' },
  );
const rowsOf = (browser: TreeBrowser, height = 20) => browser.draw(80, height).slice(2, -3);

test('reads keys of terminals and of vi', () => {
  expect(keysOf('\x1b[A\x1bOBjk \r')).toEqual(['up', 'down', 'down', 'up', 'toggle', 'enter']);
  expect(keysOf('lhx\x7f')).toEqual(['open', 'close', 'close']);
  expect([keysOf('\x1b'), keysOf('\x03'), keysOf('q')]).toEqual([['quit'], ['quit'], ['quit']]);
});

test('shows what is open, with the cursor and where one is', () => {
  const browser = new TreeBrowser(tree(), 'root:b');
  expect(rowsOf(browser)).toEqual(['  ▼ root', '    ▶ a', '→   ▶ b *', '      m [mount]']);
  browser.press('up');
  browser.press('open');
  expect(rowsOf(browser)).toEqual(['  ▼ root', '→   ▼ a', '        x', '    ▶ b *', '      m [mount]']);
  browser.press('toggle');
  expect(rowsOf(browser)[2]).toBe('    ▶ b *');
});

test('stays within the tree, and within the screen', () => {
  const children = Array.from({ length: 30 }, (_, i) => branch(`root:w${i}`, []));
  const browser = new TreeBrowser(branch('root', children, { isOpen: true }), 'root');
  browser.press('up');
  expect(browser.cursor.path).toBe('root');
  for (let i = 0; i < 50; i++) browser.press('down');
  expect(browser.cursor.path).toBe('root:w29');
  const lines = browser.draw(20, 12);
  expect(lines.length).toBeLessThanOrEqual(12);
  expect(lines).toContain('→     w29');
  expect(lines[2]).toBe('  ...');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(20);
});

test('tells of the workspace under the cursor', () => {
  const top = tree();
  top.apis = { exports: ['cowboys'], bindings: [] };
  const lines = new TreeBrowser(top, 'root').draw(80, 20);
  expect(lines[0]).toBe('kcp Workspaces  root | root:root');
  expect(lines).toContain('APIExports (1):');
  expect(lines).toContain('  • cowboys');
  expect(lines.at(-1)).toBe('Press Enter to switch to this workspace');
});

test('a mount cannot be entered', () => {
  const browser = new TreeBrowser(tree(), 'root:m');
  expect(browser.draw(80, 20).at(-1)).toMatch(/^↑/);
});
