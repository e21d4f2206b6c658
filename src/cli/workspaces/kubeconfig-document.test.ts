import { expect, test } from 'vitest';
import { changeKubeconfig, parseKubeconfig } from './kubeconfig-document.ts';

const TEXT = `# mine
apiVersion: v1
kind: Config
current-context: here
preferences: { colors: true }
clusters:
- name: c
  cluster:
    server: https://h:1 # the old one
    certificate-authority-data: ${'Q0E='.repeat(50)}
contexts:
- context: { cluster: c, user: u }
  name: here
users: []
`;

test('is read by name', async () => {
  expect(await parseKubeconfig(TEXT, 'f')).toMatchObject({
    currentContext: 'here',
    clusters: { c: { server: 'https://h:1' } },
    contexts: { here: { cluster: 'c', user: 'u' } },
    users: {},
  });
});

test('a change keeps what it does not name: comments, order, long lines', async () => {
  const changed = await changeKubeconfig(
    TEXT,
    { currentContext: 'there', clusters: { d: { server: 'https://h:2' } }, users: { u: { token: 't' } } },
    'f',
  );
  expect(changed).toBe(
    TEXT.replace('current-context: here', 'current-context: there')
      .replace('contexts:', '- name: d\n  cluster:\n    server: https://h:2\ncontexts:')
      .replace('users: []', 'users:\n- name: u\n  user:\n    token: t'),
  );
});

test('what is there already is not written again', async () => {
  const change = { currentContext: 'here', contexts: { here: { cluster: 'c', user: 'u' } } };
  expect(await changeKubeconfig(TEXT, change, 'f')).toBe(TEXT);
});

test('an entry is replaced whole', async () => {
  const changed = await changeKubeconfig(TEXT, { clusters: { c: { server: 'https://h:3' } } }, 'f');
  expect((await parseKubeconfig(changed, 'f')).clusters).toEqual({ c: { server: 'https://h:3' } });
});

test('an empty file becomes a kubeconfig', async () => {
  const changed = await changeKubeconfig('', { currentContext: 'a', contexts: { a: { user: 'u' } } }, 'f');
  expect(changed).toBe(
    'apiVersion: v1\nkind: Config\ncontexts:\n- name: a\n  context:\n    user: u\ncurrent-context: a\n',
  );
});

test.each([
  ['a: [', 'error loading config file "f": '],
  ['- a', 'error loading config file "f": not a kubeconfig'],
  ['clusters: 3', 'clusters is not a list'],
  ['users: [{}]', 'an entry of users has no name'],
])('refuses %j', async (text, message) => {
  await expect(parseKubeconfig(text, 'f')).rejects.toThrow(message);
});
