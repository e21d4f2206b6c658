import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { type CreateOptions, type Libpod, openLibpod } from '../../src/libpod/index.ts';
import { SHELL_IMAGE, whyNotHere } from './engine-fixture.ts';

const missing = await whyNotHere();
const PROGRAMS = ['sh', 'sleep', 'cat', 'id', 'ls', 'mkdir', 'ln'];

describe.skipIf(missing !== '')('containers of libpod', () => {
  let directory: string;
  let libpod: Libpod;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'orrery-libpod-'));
    libpod = await open();
    await libpod.images.pack({ reference: SHELL_IMAGE, binaries: PROGRAMS, entrypoint: [], cmd: ['sh'] });
  }, 60_000);

  afterAll(async () => {
    for (const { id } of await libpod.containers.list({ all: true }))
      await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
    await libpod.engine.reset();
    await rm(directory, { recursive: true, force: true });
  });

  const open = () =>
    openLibpod({
      directory: join(directory, 'containers'),
      imagesDirectory: join(directory, 'engine'),
      log: silentLog,
      self: ['/bin/true'],
      environment: {},
    });

  async function make(command: string, more: Partial<CreateOptions> = {}): Promise<string> {
    const { id } = await libpod.containers.create({
      ...more,
      Config: { Image: SHELL_IMAGE, Cmd: ['sh', '-c', command], ...more.Config },
      HostConfig: { NetworkMode: 'none', ...more.HostConfig },
    });
    return id;
  }

  async function inside(id: string, command: string, user = ''): Promise<string> {
    const exec = await libpod.containers.exec.create(id, { Cmd: ['sh', '-c', command], User: user });
    const session = (await libpod.containers.exec.start(exec))!;
    const text = await textOf(session.stdout);
    expect(await session.exit).toBe(0);
    return text;
  }

  test('whoever attends a container sees all of it from its first byte, and cleans up', async () => {
    const id = await make('echo first; echo second >&2; exit 7', { HostConfig: { AutoRemove: true } });
    const session = await libpod.containers.attach(id);
    const output = Promise.all([textOf(session.stdout), textOf(session.stderr!)]);
    await libpod.containers.start(id);
    expect(await output).toEqual(['first\n', 'second\n']);
    expect(await libpod.containers.wait(id)).toBe(7);
    expect(await libpod.containers.exists(id)).toBe(false);
    expect((await libpod.engine.holdings()).mounts).toEqual([]);
  });

  test('an ended container starts again on the same root, another process sees it too', async () => {
    const id = await make('cat /kept; echo more >> /kept; exit 3');
    for (const expected of ['', 'more\n']) {
      await libpod.containers.start(id);
      expect(await libpod.containers.wait(id)).toBe(3);
      await libpod.containers.cleanup(id);
      const lines: string[] = [];
      for await (const line of libpod.containers.logs(id, {}))
        if (line.stream === 'stdout') lines.push(`${line.text}\n`);
      expect(lines.join('').endsWith(expected)).toBe(true);
    }
    const other = await open();
    expect(await other.containers.inspect(id)).toMatchObject({ status: 'exited', exitCode: 3 });
    expect((await libpod.engine.holdings()).mounts).toEqual([]);
  });

  test('a command that is not there leaves a container that was not started', async () => {
    const id = await make('', { Config: { Image: SHELL_IMAGE, Cmd: ['/no/such'] } });
    await expect(libpod.containers.start(id)).rejects.toMatchObject({ details: { exitCode: 127 } });
    expect(await libpod.containers.inspect(id)).toMatchObject({ status: 'created' });
    expect((await libpod.engine.holdings()).mounts).toEqual([]);
  });

  test('a process that ends at once has been started', async () => {
    for (let i = 0; i < 5; i++) {
      const id = await make(':');
      await libpod.containers.start(id);
      expect(await libpod.containers.wait(id)).toBe(0);
    }
  });

  test('one that is removed just as it starts has an exit code', async () => {
    const id = await make('sleep 60');
    await libpod.containers.init(id);
    await Promise.all([
      libpod.containers.start(id),
      libpod.containers.remove(id, { force: true, timeoutSeconds: 0 }),
    ]);
    expect(await libpod.containers.wait(id)).toBe(137);
  });

  test('names are unique, can be changed, and find their container as a beginning of the id does', async () => {
    const id = await make('sleep 60', { Name: 'one' });
    await expect(make('sleep 60', { Name: 'one' })).rejects.toThrow('is already in use');
    await libpod.containers.rename('one', 'two');
    expect(await libpod.containers.idOf('two')).toBe(id);
    expect(await libpod.containers.idOf(id.slice(0, 12))).toBe(id);
    await expect(libpod.containers.idOf('one')).rejects.toThrow('no container with name or ID "one" found');
  });

  test('a running container can be paused, looked into, listed and stopped, and not removed unless forced', async () => {
    const id = await make('sleep 60', { Config: { Image: SHELL_IMAGE, Labels: { app: 'web' } } });
    await libpod.containers.start(id);
    expect(await inside(id, 'id -u', '12')).toBe('12\n');
    await expect(libpod.containers.remove(id)).rejects.toThrow('cannot be removed without force');
    await libpod.containers.pause(id);
    expect(await libpod.containers.inspect(id)).toMatchObject({ status: 'paused' });
    await libpod.containers.unpause(id);
    const listed = await libpod.containers.list({ filters: { label: ['app=web'], status: ['running'] } });
    expect(listed.map((one) => one.id)).toEqual([id]);
    await libpod.containers.stop(id, { timeoutSeconds: 0 });
    expect(await libpod.containers.inspect(id)).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  test('two processes that remove and stop one container at once leave nothing of it', async () => {
    const id = await make('sleep 60');
    await libpod.containers.start(id);
    const other = await open();
    const removal = (one: Libpod) => one.containers.remove(id, { force: true, timeoutSeconds: 0 });
    await Promise.allSettled([
      removal(libpod),
      removal(other),
      other.containers.stop(id, { timeoutSeconds: 0 }),
    ]);
    expect(await libpod.containers.exists(id)).toBe(false);
    expect((await libpod.engine.holdings()).containers).not.toContain(id);
  });

  test('what is copied in or out never leaves the container, whatever its symlinks say', async () => {
    const id = await make(
      'mkdir /data; echo secret > /data/f; ln -s /etc /out; ln -s /etc/passwd /data/l; sleep 60',
    );
    await libpod.containers.start(id);
    await expect.poll(() => inside(id, 'ls /data')).toBe('f\nl\n');
    const name = `orrery-escape-${id.slice(0, 12)}`;
    const tar = pack();
    tar.entry({ name }, 'x');
    tar.entry({ name: `../../../../${name}` }, 'x');
    tar.finalize();
    await libpod.containers.copyIn(id, '/out', tar as unknown as Readable);
    expect(existsSync(`/etc/${name}`) || existsSync(`/${name}`)).toBe(false);
    expect(await inside(id, `cat /etc/${name}`)).toBe('x');
    expect(await libpod.containers.statPath(id, '/data/l')).toMatchObject({ linkTarget: '/etc/passwd' });
    const { tar: out } = await libpod.containers.copyOut(id, '/data/l');
    expect(await textOf(out)).not.toContain(await readFile('/etc/hostname', 'utf8'));
  });

  test('the log, the end and the removal of all of them leave no files behind', async () => {
    for (const { id } of await libpod.containers.list({ all: true }))
      await libpod.containers.remove(id, { force: true, timeoutSeconds: 0 });
    expect(await readdir(join(directory, 'containers', 'containers'))).toEqual([]);
    const { mounts, namespaces } = await libpod.engine.holdings();
    expect({ mounts, namespaces }).toEqual({ mounts: [], namespaces: [] });
  });
});

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
