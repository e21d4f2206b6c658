import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import Docker from 'dockerode';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { dockerRoutes } from '../../src/docker-api/routes.ts';
import { whyNotHere } from '../e2e/engine-fixture.ts';
import { checkout } from '../harness/cloud.ts';
import { type DockerApiFixture, IMAGE, startDockerApi } from './docker-api-fixture.ts';

const why = await whyNotHere();

function statusOf(
  socketPath: string,
  { method, path }: { method: string; path: string },
  body: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe.skipIf(why !== '')(`Docker's API, as dockerode uses it ${why}`, () => {
  let api: DockerApiFixture;
  let docker: Docker;

  beforeAll(async () => {
    api = await startDockerApi();
    docker = new Docker({ socketPath: api.socket });
  });
  afterAll(() => api?.stop());

  /** Made, started, and removed at the end of the test that made it. */
  async function started(options: Docker.ContainerCreateOptions): Promise<Docker.Container> {
    const container = await docker.createContainer({ Image: IMAGE, ...options });
    await container.start();
    return container;
  }

  /** The command line over the same containers, in a process of its own. */
  const cliArguments = (...args: string[]) => [
    ...[join(checkout, 'src/cli/main.ts'), '--root', api.directory, ...args],
  ];
  const cli = (...args: string[]) =>
    promisify(execFile)(process.execPath, cliArguments(...args), { timeout: 30_000, killSignal: 'SIGKILL' });

  const demuxed = async (stream: NodeJS.ReadableStream): Promise<{ out: string; err: string }> => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    docker.modem.demuxStream(stream, out, err);
    stream.on('end', () => {
      out.end();
      err.end();
    });
    const [told, complained] = await Promise.all([text(out), text(err)]);
    return { out: told, err: complained };
  };

  test('says what it is', async () => {
    expect((await docker.ping()).toString()).toBe('OK');
    expect(await docker.version()).toMatchObject({ ApiVersion: '1.44', MinAPIVersion: '1.24', Os: 'linux' });
    expect(await docker.info()).toMatchObject({ OSType: 'linux', Swarm: { LocalNodeState: 'inactive' } });
  });

  test('a container is attached to before it starts, waited for, inspected, read and removed', async () => {
    const container = await docker.createContainer({
      ...{ Image: IMAGE, name: 'first', Cmd: ['sh', '-c', 'read a; echo got $a; echo bad >&2; exit 3'] },
      ...{ OpenStdin: true, StdinOnce: true, AttachStdin: true, Labels: { team: 'x' } },
    });
    const stream = await container.attach({
      ...{ stream: true, stdin: true, stdout: true, stderr: true, hijack: true },
    });
    const output = demuxed(stream);
    const ended = container.wait({ condition: 'next-exit' });
    await container.start();
    stream.end('hello\n');
    expect(await ended).toEqual({ StatusCode: 3 });
    expect(await output).toEqual({ out: 'got hello\n', err: 'bad\n' });
    expect(await container.inspect()).toMatchObject({
      Name: '/first',
      State: { Status: 'exited', ExitCode: 3, Running: false },
      Config: { Image: IMAGE + ':latest', Labels: { team: 'x' } },
      HostConfig: { NetworkMode: 'bridge' },
    });
    const logs = await container.logs({ stdout: true, stderr: false, follow: false });
    expect(logs.subarray(8).toString()).toBe('got hello\n');
    const found = await docker.listContainers({ all: true, filters: { label: ['team=x'] } });
    expect(found.map(({ Names, State }) => [Names, State])).toEqual([[['/first'], 'exited']]);
    await container.remove();
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  test('logs are followed until the end, with times and a tail', async () => {
    const container = await started({ Cmd: ['sh', '-c', 'seq 3; sleep 0.3; echo last'] });
    const follow = (await container.logs({
      ...{ follow: true, stdout: true, stderr: true, timestamps: true },
    })) as NodeJS.ReadableStream;
    const { out } = await demuxed(follow);
    const lines = out.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['1', '2', '3', 'last']);
    expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z /);
    const tail = await container.logs({ stdout: true, stderr: true, tail: 1, follow: false });
    expect(tail.subarray(8).toString()).toBe('last\n');
    await container.remove({ force: true });
  });

  test('a terminal is raw, has the size it is given, and is left by its keys', async () => {
    const container = await docker.createContainer({
      ...{ Image: IMAGE, Cmd: ['sh'], Tty: true, OpenStdin: true },
    });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    await container.start();
    let seen = '';
    stream.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await container.resize({ w: 91, h: 17 });
    // Its monitor is told, and sets it when it comes to it.
    stream.write('until [ "$(stty size)" = "17 91" ]; do sleep 0.1; done; stty size\n');
    await expect.poll(() => seen, { timeout: 10_000 }).toContain('\n17 91');
    const left = new Promise<void>((resolve) => stream.once('end', () => resolve()));
    stream.write(Buffer.from([16, 17]));
    await left;
    expect((await container.inspect()).State.Running).toBe(true);
    await container.remove({ force: true });
  });

  test('a web page reaches a terminal through a WebSocket', async () => {
    const container = await started({ Cmd: ['sh'], Tty: true, OpenStdin: true });
    const path = `/v1.44/containers/${container.id}/attach/ws?stream=1&stdin=1&stdout=1`;
    const client = new WebSocket(`ws+unix://${api.socket}:${path}`);
    let seen = '';
    client.on('message', (data: Buffer) => {
      seen += data.toString();
    });
    await new Promise<void>((resolve, reject) => {
      client.once('open', () => resolve());
      client.once('error', reject);
    });
    client.send('echo $((6*7))\n');
    await expect.poll(() => seen, { timeout: 10_000 }).toContain('42');
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.close();
    await closed;
    expect((await container.inspect()).State.Running).toBe(true);
    await container.remove({ force: true });
  });

  test('further processes run in it, with input, frames and exit codes', async () => {
    const container = await started({ Cmd: ['sleep', '1000'] });
    const exec = await container.exec({
      ...{ Cmd: ['sh', '-c', 'cat; echo err >&2; exit 7'], AttachStdin: true },
      ...{ AttachStdout: true, AttachStderr: true, Env: ['A=b'] },
    });
    const stream = await exec.start({ hijack: true, stdin: true });
    stream.end('typed\n');
    expect(await demuxed(stream)).toEqual({ out: 'typed\n', err: 'err\n' });
    expect(await exec.inspect()).toMatchObject({ Running: false, ExitCode: 7 });
    await container.stop({ t: 0 });
    await expect(container.exec({ Cmd: ['true'] })).rejects.toMatchObject({ statusCode: 409 });
    await container.remove();
  });

  test('a process in the background is known while it runs, and then by its code', async () => {
    const container = await started({ Cmd: ['sleep', '1000'], name: 'busy' });
    const since = Date.now() / 1000;
    const exec = await container.exec({ Cmd: ['sh', '-c', 'until [ -e /go ]; do sleep 0.05; done; exit 4'] });
    await exec.start({ Detach: true });
    const { Pid, ...rest } = await exec.inspect();
    expect(rest).toMatchObject({ Running: true, ExitCode: null });
    // It may be on its way into the program yet.
    await expect.poll(() => readFile(`/proc/${Pid}/cmdline`, 'utf8')).toContain('exit 4');
    // One that another process has begun, which has ended meanwhile.
    const { stdout: id } = await cli(
      'exec',
      '-d',
      'busy',
      'sh',
      '-c',
      'until [ -e /go ]; do sleep 0.05; done; exit 5',
    );
    const other = docker.getExec(id.trim());
    expect(await other.inspect()).toMatchObject({ Running: true, ExitCode: null });
    const missing = await container.exec({ Cmd: ['nonesuch'] });
    await expect(missing.start({ Detach: true })).rejects.toMatchObject({ statusCode: 400 });
    expect(await missing.inspect()).toMatchObject({ Running: false, ExitCode: 127 });
    await cli('exec', 'busy', 'touch', '/go');
    for (const [one, code] of [
      [exec, 4],
      [other, 5],
    ] as const) {
      await expect.poll(async () => (await one.inspect()).ExitCode, { timeout: 10_000 }).toBe(code);
      expect(await one.inspect()).toMatchObject({ Running: false, Pid: 0 });
    }
    await container.remove({ force: true });
    const events = await docker.getEvents({ since, until: Date.now() / 1000 });
    const ends = (await text(events)).split('\n').filter((line) => line.includes('"exec_die"'));
    const codes = ends.map((line) => JSON.parse(line).Actor.Attributes.exitCode as string);
    expect(codes.sort()).toEqual(['0', '127', '4', '5']);
  });

  test('a terminal that another process holds is given its size', async () => {
    const container = await started({ Cmd: ['sleep', '1000'] });
    const server = spawn(process.execPath, cliArguments('system', 'service', '-t0', `unix:${api.socket}.2`), {
      stdio: 'inherit',
    });
    try {
      const second = new Docker({ socketPath: `${api.socket}.2` });
      await expect.poll(() => second.ping().catch(String), { timeout: 10_000 }).toEqual(Buffer.from('OK'));
      const script = (where: string) => `while :; do stty size ${where}; sleep 0.05; done`;
      const attached = await container.exec({ Cmd: ['sh', '-c', script('')], Tty: true, AttachStdout: true });
      const stream = await attached.start({ Tty: true });
      let seen = '';
      stream.on('data', (chunk: Buffer) => {
        seen += chunk.toString();
      });
      await second.getExec(attached.id).resize({ w: 91, h: 17 });
      await expect.poll(() => seen, { timeout: 10_000 }).toContain('17 91');
      const detached = await container.exec({ Cmd: ['sh', '-c', script('>/size')], Tty: true });
      await detached.start({ Detach: true });
      await second.getExec(detached.id).resize({ w: 70, h: 13 });
      const size = async () => (await cli('exec', container.id, 'cat', '/size')).stdout;
      await expect.poll(size, { timeout: 10_000 }).toBe('13 70\n');
      const bare = await container.exec({ Cmd: ['sleep', '1000'] });
      await expect(second.getExec(bare.id).resize({ w: 1, h: 1 })).rejects.toMatchObject({ statusCode: 409 });
      await container.remove({ force: true });
      stream.destroy();
    } finally {
      server.kill('SIGTERM');
      await once(server, 'exit');
    }
  });

  test('states change as Docker has them', async () => {
    const container = await started({ Cmd: ['sleep', '1000'], name: 'states' });
    await expect(container.start()).rejects.toMatchObject({ statusCode: 304 });
    await expect(container.remove()).rejects.toMatchObject({ statusCode: 409 });
    await container.pause();
    expect((await container.inspect()).State).toMatchObject({ Status: 'paused', Running: true });
    await expect(container.pause()).rejects.toMatchObject({ statusCode: 409 });
    await container.unpause();
    await container.rename({ name: 'renamed' });
    await container.restart({ t: 0 });
    expect((await docker.getContainer('renamed').inspect()).State.Status).toBe('running');
    await container.kill();
    await container.wait();
    await expect(container.kill()).rejects.toMatchObject({ statusCode: 409 });
    await expect(container.stop()).rejects.toMatchObject({ statusCode: 304 });
    await container.remove();
  });

  test('what it uses comes as one sample and as a stream', async () => {
    const container = await started({ Cmd: ['sleep', '1000'], HostConfig: { Memory: 67_108_864 } });
    const once = await container.stats({ stream: false, 'one-shot': true });
    expect(once).toMatchObject({ memory_stats: { limit: 67_108_864 }, pids_stats: { current: 1 } });
    const stream = (await container.stats({ stream: true })) as unknown as Readable;
    const second = await new Promise<Docker.ContainerStats>((resolve) => {
      let text = '';
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        const lines = text.split('\n').filter((line) => line !== '');
        if (text.endsWith('\n') && lines.length >= 2) resolve(JSON.parse(lines[1]!));
      });
    });
    expect(second.cpu_stats.system_cpu_usage).toBeGreaterThan(second.precpu_stats.system_cpu_usage);
    stream.destroy();
    await container.remove({ force: true });
  });

  test('events are told as they come, by their filters', async () => {
    const events = (await docker.getEvents({
      filters: { type: ['container'], label: ['watched'] },
    })) as Readable;
    let told = '';
    events.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
    const container = await started({ Cmd: ['true'], Labels: { watched: '' } });
    await container.wait();
    await container.remove();
    const actions = () =>
      told
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line).Action as string);
    await expect
      .poll(actions, { timeout: 10_000 })
      .toEqual(expect.arrayContaining(['create', 'start', 'die', 'destroy']));
    events.destroy();
  });

  test('an image is built from a context, used, tagged, looked at and removed', async () => {
    const context = pack();
    context.entry({ name: 'Dockerfile' }, `FROM ${IMAGE}\nCOPY f /f\nLABEL built=yes\nCMD ["cat", "/f"]\n`);
    context.entry({ name: 'f' }, 'content\n');
    context.finalize();
    const stream = await docker.buildImage(context as unknown as NodeJS.ReadableStream, { t: 'mine:1' });
    const messages = await new Promise<{ stream?: string; aux?: { ID: string } }[]>((resolve, reject) =>
      docker.modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all))),
    );
    const id = messages.find((one) => one.aux !== undefined)!.aux!.ID;
    expect(messages.map((one) => one.stream).join('')).toContain('Successfully tagged mine:1');
    expect(await docker.getImage('mine:1').inspect()).toMatchObject({
      Id: id,
      RepoTags: ['mine:1'],
      Config: { Labels: { built: 'yes' } },
    });
    await docker.getImage('mine:1').tag({ repo: 'localhost:5000/other', tag: '2' });
    const [listed] = await docker.listImages({ filters: { label: ['built'] } });
    expect(listed!.RepoTags).toEqual(expect.arrayContaining(['mine:1', 'localhost:5000/other:2']));
    await docker.getImage('localhost:5000/other:2').remove();
    await docker.getImage('mine:1').remove();
    await expect(docker.getImage('mine:1').inspect()).rejects.toMatchObject({
      statusCode: 404,
      json: { message: 'No such image: mine:1' },
    });
  });

  test('a build that fails says so in its stream', async () => {
    const context = pack();
    context.entry({ name: 'Dockerfile' }, `FROM ${IMAGE}\nRUN exit 9\n`);
    context.finalize();
    const stream = await docker.buildImage(context as unknown as NodeJS.ReadableStream);
    const messages = await new Promise<{ error?: string }[]>((resolve, reject) =>
      docker.modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all))),
    );
    expect(messages.at(-1)!.error).toContain('9');
  });

  test('networks and volumes are made, used and removed', async () => {
    const network = await docker.createNetwork({ Name: 'net1', Labels: { a: 'b' } });
    await docker.createVolume({ Name: 'vol1', Labels: { a: 'b' } });
    expect(await docker.getVolume('vol1').inspect()).toMatchObject({ Driver: 'local', Labels: { a: 'b' } });
    const container = await started({
      ...{ Cmd: ['sh', '-c', 'echo kept > /v/f; sleep 1000'], name: 'user1' },
      HostConfig: { NetworkMode: 'net1', Binds: ['vol1:/v'] },
    });
    const details = await container.inspect();
    expect(details.Mounts).toMatchObject([{ Type: 'volume', Name: 'vol1', Destination: '/v', RW: true }]);
    expect(details.NetworkSettings.Networks.net1!.IPAddress).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    expect((await network.inspect()).Containers?.[container.id]?.Name).toBe('user1');
    await expect(network.remove()).rejects.toMatchObject({ statusCode: 409 });
    await expect(docker.getVolume('vol1').remove()).rejects.toMatchObject({ statusCode: 409 });
    await container.remove({ force: true });
    await network.remove();
    await docker.getVolume('vol1').remove();
    expect((await docker.listNetworks()).map(({ Name }) => Name)).toEqual(
      expect.arrayContaining(['bridge', 'host', 'none']),
    );
  });

  test("what is not there is refused in dockerd's words", async () => {
    await expect(docker.createContainer({ Image: 'nonesuch' })).rejects.toMatchObject({
      statusCode: 404,
      json: { message: 'No such image: nonesuch:latest' },
    });
    await expect(docker.listServices()).rejects.toMatchObject({ statusCode: 503 });
    await expect(
      docker.createContainer({ Image: IMAGE, HostConfig: { DeviceRequests: [{ Count: 1 }] } }),
    ).rejects.toMatchObject({
      statusCode: 400,
      json: { message: 'HostConfig.DeviceRequests is not supported' },
    });
    await expect(docker.createContainer({ Image: IMAGE, name: 'a b' })).rejects.toMatchObject({
      statusCode: 400,
    });
    await expect(started({ Cmd: ['nonesuch'] })).rejects.toMatchObject({ statusCode: 400 });
  });

  test('no call answers 500 to what a client got wrong', async () => {
    const nothing: unknown = new Proxy({}, { get: () => nothing });
    const routes = dockerRoutes(nothing as Parameters<typeof dockerRoutes>[0]).filter(
      // Those that wait, that remove all there is or that ask a registry of the world are asked by other tests.
      ({ path }) => path !== '/events' && !path.includes('prune') && !path.startsWith('/distribution/'),
    );
    const queries = [
      '?filters=garb1age}&limit=abc&h=-1&w=zz&since=foo&signal=NOPE&condition=x&path=',
      '?fromImage=UPPER//..&repo=A%20B&container=%00&path=../../etc&names=%00&platform=///&stdout=1&stream=1',
    ];
    const bodies = ['{"a":', '{"Image":1,"Container":[],"Cmd":{},"Name":5,"HostConfig":{"Binds":"x"}}', '\0'];
    const wrong: string[] = [];
    for (const { method, path } of routes) {
      for (const name of ['nonesuch', 'a%00b', '%2e%2e%2f']) {
        for (const query of queries) {
          for (const body of ['POST', 'PUT'].includes(method) ? bodies : ['']) {
            const to = path.replace(/\{\w+\*?\}/, name) + query;
            const status = await statusOf(api.socket, { method, path: to }, body);
            if (status >= 500 && status !== 501 && status !== 503)
              wrong.push(`${status} ${method} ${to} ${body}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  test('the socket is its own, a second server is refused, a stale one is replaced, an idle one ends', async () => {
    expect((await stat(api.socket)).mode & 0o777).toBe(0o600);
    await expect(api.serve(api.socket)).rejects.toMatchObject({ code: 'AlreadyRunning' });
    const stale = join(api.directory, 'stale.sock');
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen({ path: stale, exclusive: true }, resolve));
    // What kill -9 leaves: the name without a listener.
    const { rename } = await import('node:fs/promises');
    const moved = `${stale}.moved`;
    await rename(stale, moved);
    await new Promise<void>((resolve) => dead.close(() => resolve()));
    await rename(moved, stale);
    const server = await api.serve(stale, 200);
    const other = new Docker({ socketPath: stale });
    expect((await other.ping()).toString()).toBe('OK');
    await server.ended;
    await expect(stat(stale)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
