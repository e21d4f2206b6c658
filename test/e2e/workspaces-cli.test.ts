import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, checkout, createCloud } from '../harness/cloud.ts';

interface Said {
  code: number;
  out: string;
  err: string;
}

let cloud: Cloud;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  cloud = await createCloud();
  const tokens = join(cloud.dataDirectory, 'tokens.csv');
  writeFileSync(tokens, 'ann-token,ann,ann\n', { mode: 0o600 });
  const flags = cloud.upFlags.filter((_, i, all) => !`${all[i - 1]} ${all[i]}`.includes('--node-port'));
  await cloud.orrery('server', '--detach', ...flags, '--token-auth-file', tokens);
  const bin = join(cloud.dataDirectory, 'bin');
  mkdirSync(bin);
  for (const name of ['orrery', 'kubectl-ws', 'kubectl-create_workspace', 'kubectl-kcp'])
    symlinkSync(join(checkout, 'dist', 'bin', 'orrery'), join(bin, name));
  env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    HOME: cloud.dataDirectory,
    KUBECONFIG: cloud.kubeconfig,
    ORRERY_DATA_DIR: cloud.dataDirectory,
    NO_COLOR: '1',
  };
}, 60_000);

afterAll(async () => {
  await cloud.destroy();
});

function say(program: string, ...args: string[]): Promise<Said> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { env, timeout: 60_000 }, (error, out, err) => {
      if (error !== null && typeof error.code !== 'number') return reject(error);
      resolve({ code: Number(error?.code ?? 0), out, err });
    });
  });
}

const ws = (...args: string[]) => say('orrery', 'ws', ...args);
/** What a command that must not fail printed. */
async function told(said: Promise<Said>): Promise<string> {
  const { code, out, err } = await said;
  expect([code, err]).toEqual([0, '']);
  return out;
}

test('the kubeconfig of the cloud is of the workspace root', async () => {
  expect(await told(ws('.'))).toBe("Current workspace is 'root'.\n");
  expect(await told(ws('current', '--short'))).toBe('root\n');
  expect(JSON.parse(await told(ws('current', '-o', 'json')))).toEqual({
    path: 'root',
    server: `https://127.0.0.1:${cloud.port}/clusters/root`,
  });
  expect(await told(ws('.', '--context', 'base'))).toBe(
    `Current workspace is the URL "https://127.0.0.1:${cloud.port}".\n`,
  );
});

describe('two workspaces', () => {
  test('are made, and entered when asked', async () => {
    expect(await told(ws('create', 'team-a'))).toBe(
      `Workspace "team-a" (type root:organization) created. Waiting for it to be ready...
Workspace "team-a" (type root:organization) is ready to use.
`,
    );
    expect(await told(ws('create', 'team-b', '--type', 'root:universal', '--enter'))).toBe(
      `Workspace "team-b" (type root:universal) created. Waiting for it to be ready...
Workspace "team-b" (type root:universal) is ready to use.
Current workspace is 'root:team-b' (type root:universal).
`,
    );
    expect(await cloud.kubectl('get', 'namespaces', '-o', 'name')).toBe('namespace/default\n');
  });

  test('are moved between as between folders', async () => {
    const steps: [string, string][] = [
      ['..', "Current workspace is 'root' (type root).\n"],
      ['team-a', "Current workspace is 'root:team-a' (type root:organization).\n"],
      ['-', "Current workspace is 'root'.\n"],
      ['-', "Current workspace is 'root:team-a'.\n"],
      ['../team-b', "Current workspace is 'root:team-b' (type root:universal).\n"],
      [':', "Current workspace is 'root'.\n"],
      [':root:team-b', "Current workspace is 'root:team-b' (type root:universal).\n"],
    ];
    for (const [step, said] of steps) expect([step, await told(ws(step))]).toEqual([step, said]);
    expect(await told(ws('use', ':root:team-a', '--short'))).toBe('root:team-a\n');
    expect(statSync(cloud.kubeconfig).mode & 0o777).toBe(0o600);
    expect(await cloud.kubectl('config', 'get-contexts', '-o', 'name')).toBe(
      'base\norrery\nroot\nshard-base\nworkspace.kcp.io/current\nworkspace.kcp.io/previous\n',
    );
  });

  test('are drawn as a tree', async () => {
    await told(ws('create', 'below', '--workspace', ':root:team-b'));
    await told(ws(':'));
    expect(await told(ws('tree'))).toBe('.\n└── root\n    ├── team-a\n    └── team-b\n        └── below\n\n');
    expect(await told(ws('__complete'))).toBe('team-a\nteam-b\n');
    expect(await told(ws('tree', '--full', '--workspace', 'team-b'))).toBe(
      '.\n└── root:team-b\n    └── root:team-b:below\n\n',
    );
    expect(JSON.parse(await told(ws('tree', '-o', 'json'))).children[1]).toMatchObject({
      name: 'team-b',
      path: 'root:team-b',
      type: 'root:universal',
      phase: 'Ready',
      cluster: expect.stringMatching(/^[0-9a-z]{16}$/),
      children: [{ path: 'root:team-b:below' }],
    });
  });

  test('that are there are no error when asked for so', async () => {
    const again = await ws('create', 'team-a');
    expect([again.code, again.err]).toEqual([
      1,
      'error: workspaces.tenancy.kcp.io "team-a" already exists\n',
    ]);
    expect(await told(ws('create', 'team-a', '--ignore-existing'))).toBe(
      `Workspace "team-a" (type root:organization) already exists.
Workspace "team-a" (type root:organization) is ready to use.
`,
    );
    expect((await ws('create', 'team-a', '--ignore-existing', '--type', 'root:universal')).err).toBe(
      'error: workspace "team-a" cannot be created with type root:universal, it already exists with different type root:organization\n',
    );
  });

  test('are kept under names of their own', async () => {
    await told(ws(':root:team-a'));
    expect(await told(ws('create-context', 'a'))).toBe('Created context "a" and switched to it.\n');
    expect((await ws('create-context', 'a')).err).toBe(
      'error: context "a" already exists in kubeconfig, use --overwrite to update it\n',
    );
    expect(await told(ws('create-context', 'a', '--overwrite'))).toBe('Updated context "a".\n');
    expect(await told(ws('.', '--context', 'orrery'))).toBe("Current workspace is 'root'.\n");
    const file = join(cloud.dataDirectory, 'team-b.kubeconfig');
    writeFileSync(file, await told(say('orrery', 'kubeconfig', '--workspace', 'root:team-b')), {
      mode: 0o600,
    });
    expect(await told(ws('.', '--kubeconfig', file))).toBe("Current workspace is 'root:team-b'.\n");
    expect(await cloud.kubectl('--kubeconfig', file, 'get', 'workspaces', '-o', 'name')).toBe(
      'workspace.tenancy.kcp.io/below\n',
    );
  });
});

test('what cannot be entered is refused, and nothing is changed', async () => {
  await told(ws(':root:team-a'));
  const before = readFileSync(cloud.kubeconfig, 'utf8');
  const refusals: [string[], string][] = [
    [['nowhere'], 'error: workspace "root:team-a:nowhere" not found\n'],
    [['ju:nk§'], 'error: invalid workspace path: ju:nk§\n'],
    [['../..'], 'error: invalid workspace path: ../..\n'],
    [['../../..'], 'error: cannot go up from root\n'],
    [[':root:team-b', '--token', 'ann-token'], 'error: access to workspace "root:team-b" denied\n'],
    [
      [':root:team-b:nowhere', '--token', 'ann-token'],
      'error: access to workspace "root:team-b:nowhere" denied\n',
    ],
  ];
  for (const [args, message] of refusals) {
    const { code, out, err } = await ws(...args);
    expect([args, out, err]).toEqual([args, '', message]);
    expect(code).not.toBe(0);
  }
  expect((await ws('create', 'x', '--type', 'root:nosuch')).err).toMatch(/nosuch/);
  expect(readFileSync(cloud.kubeconfig, 'utf8')).toBe(before);
});

test("~ is the user's own workspace, with workspaces below", async () => {
  const { out, err } = await ws('~');
  expect(err).toBe('');
  const [, home] = /^Current workspace is '([0-9a-z]+)'\.\n$/.exec(out) ?? [];
  expect(home).toBeDefined();
  expect(await told(ws('create', 'mine', '--enter'))).toContain(
    `Current workspace is '${home}:mine' (type root:universal).`,
  );
  await told(ws(':root'));
  expect(await told(ws('~:mine', '--short'))).toBe(`${home}:mine\n`);
  const bare = await ws();
  expect(bare.out).toBe(`Current workspace is '${home}'.\n`);
  expect(bare.err).toContain("'orrery ws' now matches 'cd' semantics: go to home workspace.");
});

test('claims of an export are told, answered and listed', async () => {
  const examples = join(checkout, 'examples/workspaces');
  await told(ws('create', 'storage', '--workspace', 'root', '--enter'));
  const schema = await told(
    say('orrery', 'kcp', 'crd', 'snapshot', '-f', join(examples, 'bucket-api.yaml'), '--prefix', 'v1'),
  );
  await cloud.kubectlWith(schema, 'create', '-f', '-');
  const claims = 'spec:\n  permissionClaims: [{ resource: secrets, verbs: [get, list] }]\n';
  const manifest = readFileSync(join(examples, 'bucket-export.yaml'), 'utf8').replace('spec:\n', claims);
  await cloud.kubectlWith(manifest, 'create', '-f', '-');

  expect(
    await told(
      say('orrery', 'kcp', 'bind', 'apiexport', 'root:storage:buckets', '--workspace', 'root:team-b'),
    ),
  ).toBe('apibinding buckets created. Waiting to successfully bind ...\nbuckets created and bound.\n');
  expect((await ws(':root:team-b')).err).toBe(
    "Warning: claim for secrets exported but not specified on APIBinding buckets\nAdd this claim to the APIBinding's Spec.\n",
  );
  expect(await told(say('orrery', 'kcp', 'claims', 'accept', 'buckets', '--resource', 'secrets'))).toBe(
    'claim "secrets" on APIBinding "buckets" is accepted\n',
  );
  await told(ws(':root:team-b'));
  expect(await told(say('orrery', 'kcp', 'claims', 'get', 'apibinding'))).toBe(
    'APIBINDING   GROUP-RESOURCE   VERBS      STATUS\nbuckets      secrets          get,list   Accepted\n',
  );
});

test("linked as kcp's plugins, it is kubectl's", async () => {
  await told(say('kubectl', 'ws', ':root:team-a'));
  expect(await told(say('kubectl', 'ws', '.'))).toBe("Current workspace is 'root:team-a'.\n");
  expect(await told(say('kubectl', 'create-workspace', 'deep', '--enter'))).toContain(
    "Current workspace is 'root:team-a:deep' (type root:universal).\n",
  );
  expect(await told(say('kubectl', 'kcp', 'ws', '..', '--short'))).toBe('root:team-a\n');
  expect((await say('kubectl', 'kcp', 'quickstart')).err).toContain(
    "'kubectl kcp quickstart' is not supported",
  );
});
