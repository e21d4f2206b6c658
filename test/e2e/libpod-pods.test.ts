import { afterAll, beforeAll, expect, test } from 'vitest';
import { Tool } from './libpod-fixture.ts';

let tool: Tool;
const isRoot = process.geteuid?.() === 0;
beforeAll(async () => {
  if (isRoot) tool = await Tool.open();
});
afterAll(async () => await tool?.close());

test.runIf(isRoot)('containers of a pod share its name and its fate', async () => {
  const id = await tool.ok('pod', 'create', '--name', 'duo', '--network', 'none');
  expect(await tool.ok('pod', 'ps', '--format', '{{.Status}}')).toBe('Created');
  await tool.ok('run', '-d', '--pod', 'duo', '--name', 'one', 'localhost/box', 'busybox', 'sleep', '1000');
  expect(await tool.ok('pod', 'inspect', 'duo', '--format', '{{.State}} {{.NumContainers}}')).toBe(
    'Running 2',
  );
  expect(await tool.ok('exec', 'one', 'busybox', 'hostname')).toBe('duo');
  expect((await tool.run('pod', 'rm', 'duo')).code).toBe(125);
  expect(await tool.ok('pod', 'stop', '-t', '0', 'duo')).toBe(id);
  expect(await tool.ok('pod', 'ps', '--format', '{{.Status}}')).toBe('Exited');
  expect(await tool.ok('pod', 'rm', 'duo')).toBe(id);
  expect((await tool.run('pod', 'exists', 'duo')).code).toBe(1);
  expect(await tool.ok('ps', '-a', '-q')).toBe('');
});

test.runIf(isRoot)(
  'a namespace or a policy that is none, and a pod that is not there, are named',
  async () => {
    expect((await tool.run('pod', 'create', '--share', 'bogus')).stderr).toContain(
      'invalid kernel namespace to share: bogus',
    );
    expect((await tool.run('pod', 'create', '--exit-policy', 'invalid')).stderr).toContain(
      'invalid pod exit policy: "invalid"',
    );
    expect(await tool.run('pod', 'rm', 'bogus')).toMatchObject({ code: 1 });
    expect(await tool.run('pod', 'rm', '--force', 'bogus')).toMatchObject({ code: 0, stdout: '' });
  },
);
