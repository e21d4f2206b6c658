import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { processArguments } from '../../src/engine/system/process-identity.ts';
import { type EngineFixture, startEngine, tracesOf, untilState, whyNotHere } from './engine-fixture.ts';

const reason = await whyNotHere();
const engineModule = join(import.meta.dirname, '../../src/engine/index.ts');
const baseModule = join(import.meta.dirname, '../../src/base/index.ts');

/** A process of its own with an engine over the fixture's directory; it runs `script` and is killed with -9 at `moment`. */
async function killedProcess(
  fixture: EngineFixture,
  script: string,
  moment: RegExp | number,
): Promise<string> {
  const { directory, instance, subnet } = fixture;
  const code = `
    import { openEngine } from ${JSON.stringify(engineModule)};
    import { silentLog } from ${JSON.stringify(baseModule)};
    const engine = await openEngine({ ...${JSON.stringify({ directory, instance, subnet })}, log: silentLog });
    const spec = (more) => ({ ...${JSON.stringify(fixture.spec('exec sleep 100'))}, ...more });
    console.log('open');
    ${script}
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  const reached = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (typeof moment === 'number' ? text.includes('open') : moment.test(text)) resolve();
    });
  });
  await reached;
  if (typeof moment === 'number') await new Promise((resolve) => setTimeout(resolve, moment));
  child.kill('SIGKILL');
  await once(child, 'exit');
  return text;
}

describe.skipIf(reason !== '')(`crashes${reason && ` (skipped: ${reason})`}`, () => {
  let fixture: EngineFixture;
  beforeAll(async () => {
    fixture = await startEngine();
  });
  afterAll(() => fixture.dispose());

  test('kill -9 of the process that started a container leaves it running, and a new engine adopts it', async () => {
    const text = await killedProcess(
      fixture,
      `const id = await engine.create(spec({ name: 'survivor', args: ['-c', 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done'] }));
       await engine.start(id); console.log('id', id, (await engine.inspect(id)).startedAt);`,
      /id \w{64} \S+\n/,
    );
    const [, id, startedAt] = /id (\w{64}) (\S+)/.exec(text)!;
    const later = await fixture.reopen();
    const state = await later.inspect(id!);
    expect(state).toMatchObject({ status: 'running', startedAt, name: 'survivor' });
    expect(
      await later
        .exec(id!, { command: ['sh', '-c', 'exit 3'], tty: false, stdin: false })
        .then((one) => one.exit),
    ).toBe(3);
    await later.stop(id!, 20);
    expect(await later.inspect(id!)).toMatchObject({ status: 'exited', exitCode: 5 });
    expect(await fixture.logOf(id!)).toContain('up');
  });

  test('what ends while nobody watches is noticed afterwards, with its code', async () => {
    const text = await killedProcess(
      fixture,
      `const id = await engine.create(spec({ name: 'short', args: ['-c', 'sleep 0.5; exit 11'] }));
       await engine.start(id); console.log('id', id);`,
      /id \w{64}\n/,
    );
    const id = /id (\w{64})/.exec(text)![1]!;
    expect(await fixture.ended(id)).toMatchObject({ exitCode: 11 });
  });

  test('a process in the middle of an exec has arguments all the same', async () => {
    for (let i = 0; i < 60; i++) {
      const child = spawn('sh', ['-c', 'echo here; exec sleep 100']);
      await once(child.stdout, 'data');
      expect((await processArguments(child.pid!))?.length).toBeGreaterThan(1);
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(await processArguments(child.pid!)).toBe(undefined);
    }
  });

  test('a conmon that is killed is reported, and remove cleans up after it', async () => {
    const id = await fixture.run('exec sleep 100');
    const conmon = Number(await readFile(join(fixture.directory, 'containers', id, 'conmon.pid'), 'utf8'));
    process.kill(conmon, 'SIGKILL');
    const orphan = await untilState(fixture.engine, id, (state) => state.error !== undefined);
    expect(orphan).toMatchObject({ status: 'running', error: expect.stringContaining('conmon') });
    process.kill(orphan.pid!, 'SIGKILL');
    expect(await fixture.ended(id)).toMatchObject({
      exitCode: 137,
      error: expect.stringContaining('conmon'),
    });
    await fixture.engine.remove(id);
    const second = await fixture.run('exec sleep 100');
    const monitor = Number(
      await readFile(join(fixture.directory, 'containers', second, 'conmon.pid'), 'utf8'),
    );
    process.kill(monitor, 'SIGKILL');
    await fixture.engine.stop(second, 1);
    expect(await fixture.engine.inspect(second)).toMatchObject({ status: 'exited', exitCode: 137 });
    await fixture.engine.remove(second);
  });

  test('kill -9 at any moment of create and start leaves what list shows and remove cleans', async () => {
    for (const afterMs of [0, 5, 10, 20, 30, 45, 60, 80, 100, 130]) {
      await killedProcess(
        fixture,
        `for (let i = 0; i < 3; i++) { const id = await engine.create(spec({ name: 'cut-' + i + '-${afterMs}' })); await engine.start(id); }`,
        afterMs,
      );
      const engine = await fixture.reopen();
      for (const state of await engine.list()) {
        expect(['created', 'running', 'exited']).toContain(state.status);
        await engine.remove(state.id, { force: true });
        await expect(engine.inspect(state.id)).rejects.toMatchObject({ code: 'NotFound' });
      }
      const { containers, mounts, cgroups } = await engine.holdings();
      expect({ containers, mounts }).toEqual({ containers: [], mounts: [] });
      expect(cgroups.filter((one) => /\/pod-[^/]*\/./.test(one))).toEqual([]);
      const id = await engine.create(fixture.spec('', { name: `cut-0-${afterMs}` }));
      await engine.remove(id);
    }
  });

  test('a load that is cut off leaves a valid store', async () => {
    await killedProcess(
      fixture,
      `engine.images.pack({ reference: 'local/cut', binaries: [process.execPath] });`,
      150,
    );
    const engine = await fixture.reopen();
    expect(await engine.images.check()).toEqual([]);
    expect(await readdir(join(fixture.directory, 'images/ingest'))).toEqual([]);
    expect((await readdir(join(fixture.directory, 'layers'))).filter((name) => name.includes(':'))).toEqual(
      [],
    );
  });

  test('reset leaves no trace on the host', async () => {
    const namespace = await fixture.engine.networks.createNamespace('traces');
    await fixture.engine.networks.attach({ containerId: 'traces', namespace: 'traces', portMappings: [] });
    await fixture.run('exec sleep 100', { network: namespace });
    await fixture.run('exit 1', { network: namespace });
    await fixture.engine.create(fixture.spec(''));
    const orphan = await fixture.run('exec sleep 100');
    process.kill(
      Number(await readFile(join(fixture.directory, 'containers', orphan, 'conmon.pid'), 'utf8')),
      'SIGKILL',
    );
    expect((await tracesOf(fixture)).length).toBeGreaterThan(5);
    await fixture.engine.reset();
    expect(await fixture.engine.holdings()).toEqual({
      containers: [],
      mounts: [],
      namespaces: [],
      cgroups: [],
      addresses: [],
      links: [],
    });
    expect(await tracesOf(fixture)).toEqual([]);
  });
});
