import { expect, test } from 'vitest';
import { type TreeNode, treeText } from './workspace-tree.ts';

const node = (path: string, children: TreeNode[] = []): TreeNode => ({
  name: path.split(':').at(-1)!,
  path,
  children,
});
const tree = node('root', [
  node('root:one'),
  node('root:providers', [node('root:providers:cowboys', [node('root:providers:cowboys:x')])]),
  node('root:three', [node('root:three:potato')]),
  { ...node('root:two'), isMount: true },
]);

test('is drawn with the names of workspaces', () => {
  expect(treeText(tree, false)).toBe(
    `
.
└── root
    ├── one
    ├── providers
    │   └── cowboys
    │       └── x
    ├── three
    │   └── potato
    └── two [mount]
`.trimStart(),
  );
});

test('is drawn with whole paths when asked for', () => {
  expect(treeText(node('root:a', [node('root:a:b')]), true)).toBe('.\n└── root:a\n    └── root:a:b\n');
});
