import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../harness/cloud.ts';
import { ordinaryUser, whyNoOrdinaryUser } from '../harness/ordinary-user.ts';
import { PASSWORD, type Registry, startRegistry, USER } from '../harness/registry.ts';
import { type Person, rootPerson } from '../harness/root-person.ts';
import { whyNotHere } from './engine-fixture.ts';

/** What everybody does with containers, once as root and once as an ordinary user, by the command line. */
const IMAGE = 'localhost/shell';
/** The first is the image's entry point: it runs the command that follows. */
const PROGRAMS = ['env', 'bash', 'sh', 'sleep', 'cat', 'id', 'ls', 'stat', 'touch', 'chown', 'hostname'];
const why = await whyNotHere();
const whyNoUser = whyNoOrdinaryUser() || why;
const host = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((one) => !one.internal && one.family === 'IPv4')?.address;

describe.each([
  { who: 'root', reason: process.getuid!() === 0 ? why : 'not root', come: async () => rootPerson() },
  { who: 'an ordinary user', reason: whyNoUser, come: ordinaryUser as () => Promise<Person> },
])('$who', { timeout: 120_000 }, ({ reason, come }) => {
  if (reason !== '') process.stderr.write(`everyone: skipped: ${reason}\n`);
  let person: Person;
  const orrery = (...args: string[]) => person.orrery(args, { timeoutMs: 60_000 });
  /** What a command that must succeed prints. */
  const said = async (...args: string[]) => {
    const { stdout, stderr, exitCode } = await orrery(...args);
    expect({ exitCode, stderr }, args.join(' ')).toEqual({ exitCode: 0, stderr: expect.anything() });
    return stdout.trim();
  };
  const holds = (check: () => Promise<void>) =>
    eventually('it holds', async () => {
      await check();
      return true;
    });
  const remove = (...names: string[]) => said('rm', '--force', '--time', '0', ...names);

  beforeAll(async () => {
    if (reason !== '') return;
    person = await come();
    await said('image', 'pack', IMAGE, ...PROGRAMS);
  });
  afterAll(async () => {
    if (reason !== '') return;
    await orrery('system', 'reset', '--force');
    await person.dispose();
  });

  test.skipIf(reason !== '')('runs, looks in, enters, stops and removes', async () => {
    const once = await orrery('run', '--rm', IMAGE, 'sh', '-c', 'echo out; echo err >&2; exit 7');
    expect(once).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 7 });
    await said('run', '-d', '--name', 'kept', '-e', 'A=b', IMAGE, 'sh', '-c', 'echo here; exec sleep 1000');
    expect(await said('ps', '--format', '{{.Names}} {{.Image}}')).toBe(`kept ${IMAGE}:latest`);
    expect(await said('exec', 'kept', 'sh', '-c', 'echo $A; id -u')).toBe('b\n0');
    await holds(async () => expect(await said('logs', 'kept')).toBe('here'));
    expect(await said('stop', '--time', '0', 'kept')).toBe('kept');
    expect(await said('inspect', 'kept', '--format', '{{.State.ExitCode}}')).toBe('137');
    await remove('kept');
    expect(await said('ps', '--all', '--quiet')).toBe('');
  });

  test.skipIf(reason !== '')('keeps files in volumes that take their user, and secrets', async () => {
    await said('volume', 'create', 'data');
    writeFileSync(join(person.home, 'secret'), 'told', { mode: 0o644 });
    await said('secret', 'create', 'word', join(person.home, 'secret'));
    const flags = ['--rm', '--user', '33:44', '-v', 'data:/data:U', '--secret', 'word'];
    const script = 'touch /data/file && stat -c %u:%g /data /data/file && cat /run/secrets/word';
    expect(await said('run', ...flags, IMAGE, 'sh', '-c', script)).toBe('33:44\n33:44\ntold');
    await said('volume', 'rm', 'data');
    await said('secret', 'rm', 'word');
  });

  test.skipIf(reason !== '')('plays pods and Kubernetes YAML', async () => {
    await said('pod', 'create', '--name', 'pair');
    await said('run', '-d', '--pod', 'pair', '--name', 'first', IMAGE, 'sleep', '1000');
    expect(await said('run', '--rm', '--pod', 'pair', IMAGE, 'hostname')).toBe('pair');
    expect(await said('pod', 'ps', '--format', '{{.Name}} {{.NumberOfContainers}}')).toBe('pair 2');
    await said('pod', 'rm', '--force', '--time', '0', 'pair');
    const file = join(person.home, 'pod.yaml');
    const container = { name: 'main', image: IMAGE, command: ['sleep', '1000'] };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'played' },
      spec: { containers: [container], terminationGracePeriodSeconds: 0 },
    };
    writeFileSync(file, JSON.stringify(pod), { mode: 0o644 });
    await said('kube', 'play', file);
    expect(await said('ps', '--format', '{{.Names}}', '--filter', 'name=played-main')).toBe('played-main');
    await said('kube', 'down', file);
    expect(await said('pod', 'ps', '--quiet')).toBe('');
  });

  test.skipIf(reason !== '')('builds, and takes images to a registry and back', async () => {
    const registry: Registry = await startRegistry('basic');
    try {
      const context = join(person.home, 'context');
      mkdirSync(context);
      writeFileSync(
        join(context, 'Dockerfile'),
        `FROM ${IMAGE}\nRUN echo made > /made\nCMD ["cat", "/made"]\n`,
      );
      const there = `${registry.host}/made:1`;
      await said('build', '--quiet', '--tag', there, context);
      const denied = await orrery('push', '--tls-verify=false', there);
      expect(denied.exitCode).toBe(125);
      const login = ['login', '--tls-verify=false', '--username', USER, '--password-stdin', registry.host];
      const input = { input: `${PASSWORD}\n`, timeoutMs: 60_000 };
      expect(await person.orrery(login, input)).toMatchObject({ stdout: 'Login Succeeded!\n', exitCode: 0 });
      await said('push', '--quiet', '--tls-verify=false', there);
      await said('rmi', there);
      await said('pull', '--quiet', '--tls-verify=false', there);
      expect(await said('run', '--rm', there)).toBe('made');
      await said('logout', registry.host);
    } finally {
      await registry.stop();
    }
  });

  test.skipIf(reason !== '' || host === undefined)(
    'reaches names of its network, and the outside',
    async () => {
      const server = createServer((socket) => socket.end('greeting\n'));
      await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
      const { port } = server.address() as AddressInfo;
      const ask = ['bash', '-c', `cat < /dev/tcp/${host}/${port}`];
      try {
        expect(await said('run', '--rm', IMAGE, ...ask)).toBe('greeting');
        await said('network', 'create', 'lane');
        expect(await said('run', '--rm', '--network', 'lane', IMAGE, ...ask)).toBe('greeting');
        await said('network', 'rm', 'lane');
      } finally {
        server.close();
      }
    },
  );

  test.skipIf(reason !== '')('has failed ones started again, and sick ones told', async () => {
    await said('run', '-d', '--name', 'fails', '--restart', 'on-failure:2', IMAGE, 'sh', '-c', 'exit 3');
    const flags = ['--health-cmd', 'test -e /well', '--health-interval', '1s', '--health-retries', '1'];
    await said('run', '-d', '--name', 'patient', ...flags, IMAGE, 'sh', '-c', 'exec sleep 1000');
    const of = (name: string, what: string) => said('inspect', name, '--format', what);
    await holds(async () => expect(await of('patient', '{{.State.Health.Status}}')).toBe('unhealthy'));
    await said('exec', 'patient', 'touch', '/well');
    await holds(async () => expect(await of('patient', '{{.State.Health.Status}}')).toBe('healthy'));
    await holds(async () =>
      expect(await of('fails', '{{.RestartCount}} {{.State.Status}}')).toBe('2 exited'),
    );
    await remove('fails', 'patient');
  });

  test.skipIf(reason !== '')('serves the Docker API on a socket of its own', async () => {
    const socketPath = join(person.runtimeDirectory, 'api.sock');
    const service = person.start([
      ...person.program,
      'system',
      'service',
      '--time',
      '0',
      `unix://${socketPath}`,
    ]);
    const get = (path: string) =>
      new Promise<unknown>((resolve, reject) => {
        request({ socketPath, path }, (response) => {
          let text = '';
          response.on('data', (chunk) => {
            text += chunk;
          });
          response.on('end', () => resolve(JSON.parse(text)));
        })
          .on('error', reject)
          .end();
      });
    try {
      await holds(async () => expect(await get('/version')).toMatchObject({ Os: 'linux' }));
      await said('run', '-d', '--name', 'seen', IMAGE, 'sleep', '1000');
      expect(await get('/containers/json')).toMatchObject([{ Names: ['/seen'], State: 'running' }]);
      await remove('seen');
    } finally {
      service.kill('SIGTERM');
    }
  });

  test.skipIf(reason !== '')('finds what a killed conmon left, and starts it again', async () => {
    await said('run', '-d', '--name', 'hit', IMAGE, 'sleep', '1000');
    const conmon = Number(await said('inspect', 'hit', '--format', '{{.State.ConmonPid}}'));
    const inner = Number(await said('inspect', 'hit', '--format', '{{.State.Pid}}'));
    for (const pid of [conmon, inner]) process.kill(pid, 'SIGKILL');
    await holds(async () => expect(await said('ps', '--quiet')).toBe(''));
    await said('start', 'hit');
    expect(await said('exec', 'hit', 'id', '-u')).toBe('0');
    await remove('hit');
  });

  test.skipIf(reason !== '')('leaves nothing after a reset', async () => {
    await said('run', '-d', IMAGE, 'sleep', '1000');
    await said('system', 'reset', '--force');
    expect(await said('ps', '--all', '--quiet')).toBe('');
    expect(await said('images', '--quiet')).toBe('');
    await holds(async () => expect(person.processes()).toEqual([]));
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(join(person.home, '.local'));
  });
});
