import { expect, test } from 'vitest';
import { withOwnEntries } from './own-kubeconfig.ts';
import { changeKubeconfig, parseKubeconfig } from './workspaces/kubeconfig-document.ts';

const own = {
  name: 'orrery',
  server: 'https://10.0.0.1:6443',
  workspace: 'root',
  caPem: 'CA',
  certificate: 'CERT',
  key: 'KEY',
  admin: { certificate: 'HIS CERT', key: 'HIS KEY' },
};

test("a new one leads to the workspace, and has kcp's contexts", async () => {
  const text = await withOwnEntries(undefined, own, 'f');
  const { clusters, contexts, currentContext, users } = await parseKubeconfig(text, 'f');
  expect([currentContext, contexts]).toEqual([
    'orrery',
    {
      orrery: { cluster: 'orrery', user: 'orrery' },
      base: { cluster: 'base', user: 'kcp-admin' },
      root: { cluster: 'root', user: 'kcp-admin' },
      'shard-base': { cluster: 'base', user: 'orrery' },
    },
  ]);
  expect([clusters.orrery!.server, clusters.base!.server, clusters.root!.server]).toEqual([
    'https://10.0.0.1:6443/clusters/root',
    'https://10.0.0.1:6443',
    'https://10.0.0.1:6443/clusters/root',
  ]);
  expect(users['kcp-admin']).toEqual({
    'client-certificate-data': Buffer.from('HIS CERT').toString('base64'),
    'client-key-data': Buffer.from('HIS KEY').toString('base64'),
  });
  expect(await withOwnEntries(text, own, 'f')).toBe(text);
});

test("a node's has one context, to the server", async () => {
  const { workspace: _, admin: _admin, ...node } = own;
  const { clusters } = await parseKubeconfig(await withOwnEntries(undefined, node, 'f'), 'f');
  expect(Object.entries(clusters).map(([name, { server }]) => [name, server])).toEqual([
    ['orrery', 'https://10.0.0.1:6443'],
  ]);
});

test('what its user put in stays, and follows the server to another port', async () => {
  const mine = await changeKubeconfig(
    await withOwnEntries(undefined, own, 'f'),
    {
      currentContext: 'mine',
      clusters: { mine: { server: 'https://10.0.0.1:6443/clusters/root:a' }, other: { server: 'https://o' } },
      contexts: {
        mine: { cluster: 'mine', user: 'orrery' },
        orrery: { cluster: 'orrery', user: 'orrery', namespace: 'n' },
      },
    },
    'f',
  );
  const moved = await withOwnEntries(mine, { ...own, server: 'https://10.0.0.1:7443' }, 'f');
  const { clusters, contexts, currentContext } = await parseKubeconfig(moved, 'f');
  expect(Object.entries(clusters).map(([name, { server }]) => [name, server])).toEqual([
    ['orrery', 'https://10.0.0.1:7443/clusters/root'],
    ['base', 'https://10.0.0.1:7443'],
    ['root', 'https://10.0.0.1:7443/clusters/root'],
    ['mine', 'https://10.0.0.1:7443/clusters/root:a'],
    ['other', 'https://o'],
  ]);
  expect([currentContext, contexts.orrery!.namespace]).toEqual(['mine', 'n']);
});

test('a current context that is gone is ours again', async () => {
  const text = await changeKubeconfig(
    await withOwnEntries(undefined, own, 'f'),
    { currentContext: 'gone' },
    'f',
  );
  expect((await parseKubeconfig(await withOwnEntries(text, own, 'f'), 'f')).currentContext).toBe('orrery');
});
