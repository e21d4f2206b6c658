import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { whyNotHere } from '../e2e/engine-fixture.ts';
import { checkout } from '../harness/cloud.ts';
import { findDocker, findDockerPy, onPath } from '../harness/debian-packages.ts';
import { PASSWORD, startRegistry, USER } from '../harness/registry.ts';
import { type DockerApiFixture, IMAGE, startDockerApi } from './docker-api-fixture.ts';

const why = await whyNotHere();
const COMMAND_MS = 30_000;

interface Result {
  code: number;
  out: string;
  err: string;
}

/** The session of docs/docker-api.md, by the real client. */
describe.skipIf(why !== '')(`the real docker client ${why}`, () => {
  let api: DockerApiFixture;
  let program: string;
  let work: string;
  let environment: NodeJS.ProcessEnv;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    [api, program] = await Promise.all([startDockerApi(), findDocker()]);
    work = await mkdtemp(join(tmpdir(), 'orrery-docker-client-'));
    environment = {
      ...{ PATH: process.env.PATH, HOME: work, DOCKER_CONFIG: work, DOCKER_BUILDKIT: '0' },
      DOCKER_HOST: `unix://${api.socket}`,
    };
  });
  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    await api?.stop();
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  });

  function run(file: string, args: readonly string[], input = ''): Promise<Result> {
    return new Promise((resolve) => {
      const child = execFile(
        file,
        [...args],
        // It hands SIGTERM on to the container.
        { env: environment, cwd: work, timeout: COMMAND_MS, killSignal: 'SIGKILL' },
        (error, out, err) =>
          resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
      );
      child.stdin!.end(input);
    });
  }

  const docker = (...args: string[]): Promise<Result> => run(program, args);
  async function said(...args: string[]): Promise<string> {
    const { code, out, err } = await docker(...args);
    expect({ args, code, err: code === 0 ? '' : err }).toEqual({ args, code: 0, err: '' });
    return out.trimEnd();
  }

  test('version and info speak of this server', async () => {
    expect(await said('version', '--format', '{{.Server.APIVersion}} {{.Server.Os}}')).toBe('1.44 linux');
    expect(await said('info', '--format', '{{.OSType}} {{.Swarm.LocalNodeState}}')).toBe('linux inactive');
  });

  test('run gives the output, the exit code and, where it cannot, the reason', async () => {
    expect(await docker('run', '--rm', IMAGE, 'sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({
      ...{ code: 3, out: 'out\n', err: 'err\n' },
    });
    expect(await run(program, ['run', '-i', '--rm', IMAGE, 'cat'], 'typed')).toMatchObject({
      ...{ code: 0, out: 'typed' },
    });
    const missing = await docker('run', '--rm', IMAGE, 'nonesuch');
    expect(missing.code).toBe(127);
    expect(missing.err).toContain('executable file not found');
    expect((await docker('run', '--pull=never', 'nonesuch')).err).toContain('No such image: nonesuch:latest');
    expect(await said('ps', '-aq')).toBe('');
  });

  test('a container in the background is listed, read, entered, measured and removed', async () => {
    const script = 'i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done';
    const id = await said('run', '-d', '--name', 'web', '-p', '127.0.0.1::80', IMAGE, 'sh', '-c', script);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await said('ps', '--format', '{{.Names}} {{.Image}} {{.State}}')).toBe(
      `web ${IMAGE}:latest running`,
    );
    expect(await said('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'web')).toMatch(
      /^10\.\d+\.\d+\.\d+$/,
    );
    expect(await said('ps', '--format', '{{.Networks}}')).toBe('bridge');
    expect(await said('network', 'inspect', '-f', '{{range .Containers}}{{.Name}}{{end}}', 'bridge')).toBe(
      'web',
    );
    expect(await said('port', 'web', '80')).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    const logs = spawn(program, ['logs', '-f', 'web'], { env: environment });
    running.push(logs);
    let text = '';
    logs.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await expect.poll(() => text, { timeout: 10_000 }).toContain('line 3');
    expect(await docker('exec', '-e', 'A=b', 'web', 'sh', '-c', 'echo $A; exit 4')).toMatchObject({
      ...{ code: 4, out: 'b\n' },
    });
    expect(await said('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}')).toMatch(/^web [12]$/);
    expect(await said('top', 'web', '-o', 'pid,args')).toContain('while true');
    expect(await said('inspect', '--format', '{{.Name}} {{.State.Running}}', 'web')).toBe('/web true');
    await writeFile(join(work, 'in'), 'copied\n');
    await said('cp', 'in', 'web:/tmp/there');
    expect(await said('exec', 'web', 'cat', '/tmp/there')).toBe('copied');
    await said('cp', 'web:/tmp/there', 'out');
    expect(await readFile(join(work, 'out'), 'utf8')).toBe('copied\n');
    expect((await docker('cp', 'web:/nonesuch', '.')).err).toContain('Could not find the file /nonesuch');
    const ended = once(logs, 'close');
    await said('stop', '-t', '0', 'web');
    await ended;
    expect(await said('ps', '-a', '--format', '{{.Status}}')).toMatch(/^Exited \(137\)/);
    await said('rm', 'web');
  });

  test.skipIf(onPath('script') === undefined)('a terminal is one, of the right size', async () => {
    await said('run', '-d', '--name', 'term', IMAGE, 'sleep', '1000');
    const command = `stty cols 87 rows 19; ${program} exec -it term sh -c 'tty; stty size'`;
    const { out } = await run('script', ['-qec', command, '/dev/null']);
    expect(out).toContain('/dev/pts/0');
    expect(out).toContain('19 87');
    await said('rm', '-f', 'term');
  });

  test('an image is built, made from a container, saved, loaded and removed', async () => {
    await writeFile(join(work, 'f'), 'content\n');
    await writeFile(
      join(work, 'Dockerfile'),
      `FROM ${IMAGE}\nARG X\nRUN echo $X > /x\nCOPY f /f\nCMD ["cat", "/f", "/x"]\n`,
    );
    expect(await said('build', '-t', 'mine', '--build-arg', 'X=7', '.')).toContain(
      'Successfully tagged mine:latest',
    );
    expect(await said('run', '--rm', 'mine')).toBe('content\n7');
    await said('run', '--name', 'changed', IMAGE, 'touch', '/new');
    expect(await said('diff', 'changed')).toContain('A /new');
    await said('commit', '-c', 'CMD ["ls", "/new"]', 'changed', 'snapshot:1');
    expect(await said('run', '--rm', 'snapshot:1')).toBe('/new');
    await said('save', '-o', 'image.tar', 'mine');
    await said('rmi', 'mine');
    expect(await said('load', '-i', 'image.tar')).toBe('Loaded image: mine:latest');
    expect((await said('history', '-q', 'mine')).split('\n').length).toBeGreaterThan(1);
    expect((await said('images', '--format', '{{.Repository}}:{{.Tag}}')).split('\n').sort()).toEqual([
      'mine:latest',
      `${IMAGE}:latest`,
      'snapshot:1',
    ]);
    await said('rm', 'changed');
    await said('rmi', 'mine', 'snapshot:1');
  });

  test('a registry that asks for a password takes an image and gives it back', async () => {
    const registry = await startRegistry('basic');
    try {
      const name = `${registry.host}/team/it:1`;
      const login = (password: string) =>
        run(program, ['login', '-u', USER, '--password-stdin', registry.host], password);
      await said('tag', IMAGE, name);
      expect((await docker('push', name)).code).not.toBe(0);
      expect((await login('wrong')).code).not.toBe(0);
      expect(await login(PASSWORD)).toMatchObject({ code: 0 });
      expect(await said('push', name)).toMatch(/1: digest: sha256:[0-9a-f]{64} size: \d+$/);
      // `docker buildx imagetools` and compose ask so.
      expect(await distribution(api.socket, name)).toMatchObject({
        Descriptor: { digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
        Platforms: [{ os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }],
      });
      expect(await distribution(api.socket, `${registry.host}/nonesuch`)).toMatchObject({
        message: expect.stringContaining('not found'),
      });
      await said('rmi', name);
      expect(await said('pull', name)).toContain(`Status: Downloaded newer image for ${name}`);
      expect(await said('run', '--rm', name, 'sh', '-c', 'echo back')).toBe('back');
      expect((await docker('pull', `${registry.host}/nonesuch`)).err).toContain(
        'not found: manifest unknown',
      );
      await said('rmi', name);
    } finally {
      await registry.stop();
    }
  });

  test('networks and volumes serve several containers', async () => {
    await said('network', 'create', 'inner');
    await said('volume', 'create', 'kept');
    await said(
      'run',
      '-d',
      '--name',
      'one',
      '-v',
      'kept:/v',
      IMAGE,
      'sh',
      '-c',
      'echo kept > /v/f; sleep 1000',
    );
    await said('network', 'connect', 'inner', 'one');
    expect(
      await said('network', 'inspect', '--format', '{{range .Containers}}{{.Name}}{{end}}', 'inner'),
    ).toBe('one');
    expect(await said('run', '--rm', '-v', 'kept:/v:ro', IMAGE, 'cat', '/v/f')).toBe('kept');
    await said('network', 'disconnect', 'inner', 'one');
    expect((await docker('volume', 'rm', 'kept')).err).toContain('volume is in use');
    await said('rm', '-f', 'one');
    await said('network', 'rm', 'inner');
    await said('volume', 'rm', 'kept');
  });

  test('events are told, and the past can be asked for', async () => {
    const since = String(Date.now() / 1000);
    await said('run', '--rm', '--name', 'told', IMAGE, 'true');
    await said('run', '-d', '--name', 'told', IMAGE, 'sleep', '1000');
    await said('rm', '-f', 'told');
    const events = await said(
      ...['events', '--since', since, '--until', String(Date.now() / 1000), '--filter', 'container=told'],
      ...['--format', '{{.Action}}'],
    );
    const told = events.split('\n').filter((one) => ['create', 'start', 'die', 'destroy'].includes(one));
    expect(told).toEqual(['create', 'start', 'die', 'destroy', 'create', 'start', 'die', 'destroy']);
  });

  test('a container that was given the socket clears up, as testcontainers has its reaper do', async () => {
    const image = { reference: 'docker.io/library/reaper:latest', binaries: ['sh', program] };
    await api.libpod.images.pack({ ...image, entrypoint: [], cmd: ['sh'] });
    const label = ['--label', 'session=1'];
    const id = await said('run', '-d', '--name', 'mine', ...label, IMAGE, 'sleep', '1000');
    await said('network', 'create', ...label, 'mine-net');
    await said('volume', 'create', ...label, 'mine-vol');
    await said('run', '-d', '--name', 'spared', IMAGE, 'sleep', '1000');
    const filter = '--filter label=session=1';
    const script = `docker rm -f $(docker ps -aq --no-trunc ${filter}) &&
      docker network rm $(docker network ls --format '{{.Name}}' ${filter}) &&
      docker volume rm $(docker volume ls -q ${filter})`;
    const mounted = `${api.socket}:/var/run/docker.sock`;
    expect(await said('run', '--rm', '-v', mounted, 'reaper', 'sh', '-c', script)).toBe(
      `${id}\nmine-net\nmine-vol`,
    );
    expect(await said('ps', '-a', '--format', '{{.Names}}')).toBe('spared');
    await said('rm', '-f', 'spared');
    await said('rmi', 'reaper');
  });

  test('the command line under the name docker lists containers and images as the client does', async () => {
    const link = join(work, 'bin', 'docker');
    await mkdir(join(work, 'bin'));
    await symlink(join(checkout, 'src/cli/main.ts'), link);
    await said(
      'run',
      '-d',
      '--name',
      'seen',
      '--label',
      'b=2',
      '--label',
      'a=1',
      '-v',
      'vol:/v',
      IMAGE,
      'sleep',
      '1000',
    );
    await said(
      'create',
      '--name',
      'made',
      '-p',
      '127.0.0.1:18081:80',
      IMAGE,
      'sh',
      '-c',
      'echo what is long; true',
    );
    const fields = [
      'ID',
      'Names',
      'Image',
      'Command',
      'Labels',
      'Mounts',
      'Networks',
      'LocalVolumes',
      'State',
    ];
    const row = [...fields, 'Size', 'CreatedAt', 'Ports'].map((one) => `{{.${one}}}`).join('\t');
    for (const args of [
      ['ps', '-a', '--format', `table ${row}`],
      ['ps', '-a', '--no-trunc', '--format', row],
      ['ps', '-aq'],
      ['images', '--format', '{{json .}}'],
      ['images', 'nonesuch'],
      ['images', '-q', '--no-trunc'],
    ]) {
      const ours = await run(process.execPath, [link, '--root', api.directory, ...args]);
      expect(ours).toEqual(await docker(...args));
    }
    for (const args of [
      ['stop', 'nonesuch'],
      ['inspect', 'nonesuch'],
      ['rm', 'one', 'two'],
    ]) {
      const { code, err } = await run(process.execPath, [link, '--root', api.directory, ...args]);
      const theirs = await docker(...args);
      expect({ code, err }).toEqual({ code: theirs.code, err: theirs.err });
    }
    expect((await docker('stop', 'nonesuch')).err).toBe(
      'Error response from daemon: No such container: nonesuch\n',
    );
    await said('rm', '-f', 'seen', 'made');
    await said('volume', 'rm', 'vol');
  });

  test('the server ends when idle, whoever left without a word while a container runs', async () => {
    const socket = join(work, 'idle.sock');
    const args = ['--root', api.directory, 'system', 'service', '--time=1', `unix://${socket}`];
    const server = spawn(process.execPath, [join(checkout, 'src/cli/main.ts'), ...args], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    running.push(server);
    const ended = once(server, 'exit');
    await expect.poll(() => existsSync(socket), { timeout: 10_000 }).toBe(true);
    const env = { ...environment, DOCKER_HOST: `unix://${socket}` };
    // Both leave a request behind that is answered when the container ends; this one a hijacked connection too.
    const attached = spawn(program, ['run', '--name', 'silent', IMAGE, 'sleep', '1000'], { env });
    running.push(attached);
    const left = spawn(program, ['run', '-d', '--name', 'left', IMAGE, 'sleep', '1000'], { env });
    running.push(left);
    expect(await once(left, 'exit')).toEqual([0, null]);
    await expect.poll(() => said('ps', '-q'), { timeout: 10_000 }).toMatch(/\n/);
    attached.kill('SIGKILL');
    expect(await ended).toEqual([0, null]);
    expect((await said('ps', '--format', '{{.Names}}')).split('\n').sort()).toEqual(['left', 'silent']);
    await said('rm', '-f', 'left', 'silent');
  });

  test.skipIf(onPath('python3') === undefined)('docker-py does what its users do', async () => {
    const script = `
import docker, io
client = docker.from_env()
assert client.ping()
assert client.version()['ApiVersion'] == '1.44'
assert client.containers.run('${IMAGE}', ['sh', '-c', 'echo hi'], remove=True) == b'hi\\n'
try:
    client.containers.run('${IMAGE}', ['false'], remove=True)
    raise SystemExit('no error')
except docker.errors.ContainerError as error:
    assert error.exit_status == 1
one = client.containers.run('${IMAGE}', ['sleep', '1000'], detach=True, name='py', labels={'a': 'b'})
assert [c.name for c in client.containers.list(filters={'label': 'a=b'})] == ['py']
assert one.exec_run(['sh', '-c', 'echo out; exit 3']) == (3, b'out\\n')
assert one.stats(stream=False)['pids_stats']['current'] == 1
one.reload()
assert one.status == 'running'
one.stop(timeout=0)
one.reload()
assert one.status == 'exited'
one.remove()
image, log = client.images.build(fileobj=io.BytesIO(b'FROM ${IMAGE}\\nLABEL x=y\\n'), tag='py-built')
assert image.labels == {'x': 'y'} and image.tags == ['py-built:latest']
client.images.remove('py-built')
try:
    client.images.get('nonesuch')
    raise SystemExit('no error')
except docker.errors.ImageNotFound:
    pass
network = client.networks.create('py-net', driver='bridge')
volume = client.volumes.create('py-vol')
network.remove()
volume.remove()
print('done')
`;
    await writeFile(join(work, 'session.py'), script);
    environment.PYTHONPATH = await findDockerPy();
    const { out, err } = await run(onPath('python3')!, ['session.py']);
    expect({ out, err }).toEqual({ out: 'done\n', err: '' });
  });

  test('every command of the documented session is one that is run here', async () => {
    const page = await readFile(join(import.meta.dirname, '../../docs/docker-api.md'), 'utf8');
    const shown = [...page.matchAll(/^docker ([a-z]+)/gm)].map((match) => match[1]!);
    const here = await readFile(import.meta.filename, 'utf8');
    expect(shown.length).toBeGreaterThan(10);
    for (const verb of shown) expect(here).toContain(`'${verb}'`);
  });
});

async function distribution(socketPath: string, name: string): Promise<unknown> {
  const auth = Buffer.from(JSON.stringify({ username: USER, password: PASSWORD })).toString('base64url');
  const asked = get({ socketPath, path: `/distribution/${name}/json`, headers: { 'X-Registry-Auth': auth } });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  return JSON.parse(await text(answer));
}
