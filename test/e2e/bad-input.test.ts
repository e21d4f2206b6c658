import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, type CommandError, createCloud, program, run } from '../harness/cloud.ts';

const scratch = mkdtempSync(join(tmpdir(), 'orrery-bad-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function refusal(...args: string[]): Promise<{ exitCode: number | undefined; stderr: string }> {
  const error: CommandError = await run(process.execPath, [program, ...args]).then(
    () => expect.unreachable(`${args.join(' ')} was accepted`),
    (e) => e,
  );
  expect(error.stderr, 'no stack trace').not.toMatch(/^\s+at /m);
  return error;
}

describe('the command line refuses by name', () => {
  test.each([
    [['up', '--nonsense'], "error: unknown option '--nonsense'"],
    [['up', '--port', 'x', '--data-dir', scratch], 'error: --port "x" is not a port'],
    [
      ['up', '--bind-address', 'nowhere', '--data-dir', scratch],
      'error: --bind-address "nowhere" is not an IPv4 address',
    ],
    [['status', '-o', 'xml'], 'error: unable to match a printer suitable for the output format "xml"'],
    [['completion', 'tcsh'], 'error: unknown shell "tcsh"'],
    [['help', 'store', 'bakup'], "error: unknown command 'store bakup'"],
    [['up', '--etcd-cafile', 'x', '--data-dir', scratch], 'error: --etcd-cafile needs --store'],
    [['up', '--token-file', 'x', '--data-dir', scratch], 'error: --token-file needs --store'],
    [['server', '--server', 'https://a', '--data-dir', scratch], 'error: --server is for the node'],
  ])('%j', async (args, message) => {
    const { exitCode, stderr } = await refusal(...args);
    expect(stderr.split('\n')[0]).toContain(message);
    expect(exitCode).toBe(2);
  });
});

test("a command that nobody has is refused in the container tool's words", async () => {
  const { exitCode, stderr } = await refusal('upp');
  expect(stderr).toMatch(/^Error: unrecognized command `orrery upp`\n/);
  expect(exitCode).toBe(125);
});

describe('a data directory that cannot be used', () => {
  test('is a file', async () => {
    const file = join(scratch, 'file');
    writeFileSync(file, '');
    const { exitCode, stderr } = await refusal('up', '--detach', '--data-dir', file);
    expect(stderr).toMatch(/^error: cannot use data directory .*: it is not a directory\n/);
    expect(exitCode).toBe(1);
  });

  test('is where no folder can be made', async () => {
    const { exitCode, stderr } = await refusal('up', '--data-dir', '/proc/x');
    expect(stderr).toMatch(/^error: cannot use data directory \/proc\/x: a folder cannot be made there\n/);
    expect(exitCode).toBe(1);
  });

  test('holds a file that is not a store', async () => {
    const directory = join(scratch, 'foreign');
    mkdirSync(join(directory, 'store'), { recursive: true });
    writeFileSync(join(directory, 'store', 'store.mdb'), 'this is somebody else’s file\n'.repeat(2000));
    const { exitCode, stderr } = await refusal('store', 'check', '--data-dir', directory);
    expect(stderr.split('\n')[0]).toMatch(/^error: .* is not a store of this program/);
    expect(exitCode).toBe(1);
  });
});

test('a port in use is named', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const directory = join(scratch, 'port');
  const { exitCode, stderr } = await refusal(
    'up',
    '--detach',
    '--data-dir',
    directory,
    '--port',
    String(port),
    '--bind-address',
    '127.0.0.1',
  );
  expect(stderr).toContain(`port ${port}`);
  expect(exitCode).toBe(1);
  server.close();
});

describe('the API refuses with the field path and changes nothing', () => {
  let cloud: Cloud;
  beforeAll(async () => {
    cloud = await createCloud();
    await cloud.up();
  });
  afterAll(() => cloud.destroy());

  async function refused(manifest: string, ...args: string[]): Promise<string> {
    const error: CommandError = await cloud
      .kubectlWith(manifest, ...(args.length > 0 ? args : ['create', '-f', '-']))
      .then(
        () => expect.unreachable(),
        (e) => e,
      );
    return error.stderr;
  }

  test('malformed JSON', async () => {
    const error = await refused(
      '{"apiVersion": "v1", ',
      'create',
      '--raw',
      '/api/v1/namespaces/default/configmaps',
      '-f',
      '-',
    );
    expect(error).toMatch(/BadRequest|the server could not|unable to|unexpected/i);
  });
  test('an invalid name', async () => {
    const error = await refused('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Not_Valid"}}');
    expect(error).toContain(
      'metadata.name: Invalid value: "Not_Valid": a lowercase RFC 1123 subdomain must consist of',
    );
  });
  test('an invalid label', async () => {
    const error = await refused(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","labels":{"a b":"c"}}}',
    );
    expect(error).toContain('metadata.labels: Invalid value: "a b": name part must consist of');
  });
  test('a wrong apiVersion', async () => {
    const error = await refused('{"apiVersion":"apps/v9","kind":"Deployment","metadata":{"name":"a"}}');
    expect(error).toContain('no matches for kind "Deployment" in version "apps/v9"');
  });
  test('an unknown field', async () => {
    const error = await refused(
      '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containrs":[]}}',
    );
    expect(error).toContain('unknown field "spec.containrs"');
  });
  test('an object over 1.5 MB', async () => {
    const big = JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'big' },
      data: { a: 'x'.repeat(1_600_000) },
    });
    const error = await refused(big);
    expect(error).toMatch(/too large|Too long|limit/i);
  });
  test('nothing of it was stored', async () => {
    expect(await cloud.kubectl('get', 'pods,configmaps,deployments', '-o', 'name')).toBe(
      'configmap/kube-root-ca.crt\n',
    );
  });
});
