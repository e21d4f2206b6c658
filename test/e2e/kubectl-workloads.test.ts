import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Cloud,
  CommandError,
  createCloud,
  eventually,
  helloManifests,
  kubectlVersions,
  packHello,
  run,
  whyNoContainers,
} from '../harness/cloud.ts';

const kubectls = kubectlVersions();
const reason = whyNoContainers() ?? (kubectls.length === 0 ? 'no kubectl' : undefined);

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** One version of kubectl in a namespace of its own. */
class Kubectl {
  readonly namespace: string;
  readonly folder: string;
  readonly #path: string;
  readonly #env: Record<string, string>;

  constructor(cloud: Cloud, options: { version: string; path: string }) {
    this.#path = options.path;
    this.namespace = `v${options.version.toLowerCase().replaceAll(/[^0-9a-z]/g, '-')}`;
    // The discovery cache of one version must not be another's.
    this.folder = join(cloud.dataDirectory, this.namespace);
    this.#env = { KUBECONFIG: cloud.kubeconfig, HOME: this.folder, NO_COLOR: '1' };
  }

  ok(...args: string[]): Promise<string> {
    return run(this.#path, ['-n', this.namespace, ...args], { env: this.#env });
  }

  with(input: string, ...args: string[]): Promise<string> {
    return run(this.#path, ['-n', this.namespace, ...args], { env: this.#env, input });
  }

  /** Runs with an environment variable more. */
  env(more: Record<string, string>, ...args: string[]): Promise<string> {
    return run(this.#path, ['-n', this.namespace, ...args], { env: { ...this.#env, ...more } });
  }

  async fails(...args: string[]): Promise<{ code: number | undefined; out: string; err: string }> {
    try {
      await this.ok(...args);
    } catch (error) {
      if (error instanceof CommandError)
        return { code: error.exitCode, out: error.stdout, err: error.stderr };
      throw error;
    }
    throw new Error(`kubectl ${args.join(' ')} succeeded`);
  }

  async json(...args: string[]) {
    return JSON.parse(await this.ok(...args, '-o', 'json'));
  }

  /** Starts a command that lasts. */
  start(...args: string[]): Lasting {
    return new Lasting(
      spawn(this.#path, ['-n', this.namespace, ...args], { env: { ...process.env, ...this.#env } }),
    );
  }

  /** The same under a pseudo terminal of 100 columns and 30 rows. */
  terminal(options: { before?: string }, ...args: string[]): Lasting {
    const words = [this.#path, '-n', this.namespace, ...args].map((w) => `'${w.replaceAll("'", `'\\''`)}'`);
    const command = `stty cols 100 rows 30; ${options.before ?? ''} ${words.join(' ')}`;
    return new Lasting(
      spawn('script', ['-qefc', command, '/dev/null'], { env: { ...process.env, ...this.#env } }),
    );
  }
}

/** A command that runs until it ends or is ended. */
class Lasting {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Outcome>;
  #out = '';
  #err = '';

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out: this.#out, err: this.#err }));
    });
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  closeInput(): void {
    this.#child.stdin.end();
  }

  /** Waits for text on standard output. */
  async prints(pattern: RegExp): Promise<RegExpMatchArray> {
    const over = this.ended.then(({ code }) => {
      const match = pattern.exec(this.#out);
      if (match !== null) return match;
      throw new Error(`ended with ${code} before ${pattern}:\n${this.#err}${this.#out}`);
    });
    const seen = new Promise<RegExpMatchArray>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${pattern} did not come:\n${this.#err}${this.#out}`)),
        30_000,
      );
      const look = () => {
        const match = pattern.exec(this.#out);
        if (match === null) return;
        clearTimeout(late);
        this.#child.stdout.off('data', look);
        resolve(match);
      };
      this.#child.stdout.on('data', look);
      this.#child.once('close', () => clearTimeout(late));
      look();
    });
    return Promise.race([over, seen]);
  }

  end(): Promise<Outcome> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }
}

function ask(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: new Agent({ keepAlive: false }), timeout: 5000 }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
}

/** Stays until it is told to go, and then goes at once: a bare \`sleep\` as PID 1 does not hear SIGTERM. */
const STAY = 'trap exit TERM; sleep 1000 & wait';

/** A pod of two containers with a shell, one that died once, and one that writes numbered lines. */
const PODS = `
apiVersion: v1
kind: Pod
metadata:
  name: shell
  labels: { set: fixture, kind: shell }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: main, image: local/shell, imagePullPolicy: Never, command: [sh, -c, 'echo main says hi; ${STAY}'], env: [{ name: GREETING, value: hi }] }
    - { name: side, image: local/shell, imagePullPolicy: Never, command: [sh, -c, 'echo side says hi; ${STAY}'] }
---
apiVersion: v1
kind: Pod
metadata:
  name: crasher
  labels: { set: fixture }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: local/shell
      imagePullPolicy: Never
      command: [sh, -c, 'if [ -e /state/once ]; then echo second life; ${STAY}; fi; : > /state/once; echo first life; exit 3']
      volumeMounts: [{ name: state, mountPath: /state }]
  volumes: [{ name: state, emptyDir: {} }]
---
apiVersion: v1
kind: Pod
metadata:
  name: writer
  labels: { set: fixture }
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - { name: main, image: local/shell, imagePullPolicy: Never, command: [sh, -c, 'i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo line $i; done; ${STAY}'] }
`;

function deployment(name: string, options: { env?: string[]; labels?: string; replicas?: number } = {}) {
  const env = (options.env ?? []).map((n) => `{ name: ${n}, value: "1" }`).join(', ');
  return `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { ${options.labels ?? 'a: "1"'} }
spec:
  replicas: ${options.replicas ?? 1}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - { name: main, image: local/shell, imagePullPolicy: Never, command: [sh, -c, '${STAY}'], env: [${env}] }
`;
}

describe.skipIf(reason !== undefined)(
  `kubectl over a whole cloud${reason === undefined ? '' : ` (skipped: ${reason})`}`,
  () => {
    let cloud: Cloud;
    let node: string;
    const clients = new Map<string, Kubectl>();

    beforeAll(async () => {
      cloud = await createCloud();
      await cloud.up();
      await packHello(cloud);
      await cloud.orrery(
        'image',
        'pack',
        'local/shell',
        ...['/bin/sh', 'sleep', 'cat', 'tar', 'stty', 'test', 'ls', 'id', 'head'],
      );
      node = (await cloud.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
      const hello = readFileSync(join(helloManifests(), 'hello.yaml'), 'utf8')
        .replace(', nodePort: 30080', '')
        .replace('type: LoadBalancer', 'type: ClusterIP')
        .replace('replicas: 2', 'replicas: 1');
      await Promise.all(
        kubectls.map(async (found) => {
          const kubectl = new Kubectl(cloud, found);
          clients.set(found.version, kubectl);
          mkdirSync(kubectl.folder);
          await kubectl.ok('create', 'namespace', kubectl.namespace);
          await kubectl.with(`${PODS}---\n${hello}`, 'apply', '-f', '-');
          await kubectl.ok('rollout', 'status', 'deployment/hello', '--timeout=60s');
          await kubectl.ok('wait', '--for=condition=Ready', 'pod/shell', 'pod/writer', '--timeout=60s');
          await kubectl.ok('wait', '--for=condition=Ready', 'pod/crasher', '--timeout=60s');
        }),
      );
    });
    afterAll(() => cloud?.destroy());

    describe.each(kubectls)('$version', { concurrent: true }, ({ version }) => {
      const the = () => clients.get(version)!;

      test('get prints tables, YAML, JSON, paths and columns, and selects', async () => {
        const k = the();
        expect(await k.ok('get', 'nodes')).toMatch(/^NAME +STATUS +ROLES +AGE +VERSION\n\S+ +Ready/);
        expect(await k.ok('get', 'nodes', '-o', 'wide')).toMatch(
          /INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME\n.*orrery:\/\/0/,
        );
        expect(await k.ok('get', 'pods')).toMatch(
          /^NAME +READY +STATUS +RESTARTS +AGE\ncrasher +1\/1 +Running +1 \(/,
        );
        expect(await k.ok('get', 'pod', 'shell', '-o', 'wide')).toMatch(
          /NODE +NOMINATED NODE +READINESS GATES\nshell +2\/2 +Running +0 +\S+ +10\.\d+\.\d+\.\d+ +\S+ +<none> +<none>\n$/,
        );
        expect(await k.ok('get', 'pod', 'shell', '-o', 'yaml')).toMatch(/^apiVersion: v1\nkind: Pod\n/);
        const list = await k.json('get', 'pods', '-l', 'set=fixture');
        expect(list.kind).toBe('List');
        expect(list.items.map((p: { metadata: { name: string } }) => p.metadata.name)).toEqual([
          'crasher',
          'shell',
          'writer',
        ]);
        expect(await k.ok('get', 'pod', 'shell', '-o', 'jsonpath={.spec.containers[*].name}')).toBe(
          'main side',
        );
        expect(
          await k.ok('get', 'pod', 'shell', '-o', 'custom-columns=NAME:.metadata.name,PHASE:.status.phase'),
        ).toMatch(/^NAME +PHASE\nshell +Running\n$/);
        expect(await k.ok('get', 'pods', '-l', 'kind in (shell)', '-o', 'name')).toBe('pod/shell\n');
        expect(await k.ok('get', 'pods', '-l', 'set=fixture,app!=hello,!kind', '-o', 'name')).toBe(
          'pod/crasher\npod/writer\n',
        );
        expect(
          await k.ok(
            'get',
            'pods',
            '--field-selector',
            'metadata.name=shell,status.phase=Running',
            '-o',
            'name',
          ),
        ).toBe('pod/shell\n');
        const everywhere = await k.ok('get', 'pods', '-A');
        for (const { namespace } of clients.values()) expect(everywhere).toContain(namespace);
        expect(await k.ok('get', 'pods', '--sort-by=.metadata.name', '--no-headers')).toMatch(/^crasher/);
        expect(await k.ok('get', 'pods', '--show-labels')).toContain('kind=shell');
        expect(await k.ok('get', 'pods', '-L', 'kind')).toMatch(/KIND\n/);
        expect(await k.ok('get', 'all')).toMatch(
          /pod\/shell[\s\S]*service\/hello[\s\S]*deployment\.apps\/hello[\s\S]*replicaset/,
        );
        expect((await k.fails('get', 'pod', 'nope')).err).toBe(
          'Error from server (NotFound): pods "nope" not found\n',
        );
      });

      test('describe tells what each kind is and what happened to it', async () => {
        const k = the();
        expect(await k.ok('describe', 'pod', 'shell')).toMatch(/QoS Class: +BestEffort/);
        // Events are written in the background.
        for (const event of ['Scheduled', 'Pulled', 'Created', 'Started'])
          await expect.poll(() => k.ok('describe', 'pod', 'shell'), { timeout: 15_000 }).toContain(event);
        expect(await k.ok('describe', 'pod', 'crasher')).toMatch(
          /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +3/,
        );
        expect(await k.ok('describe', 'deployment', 'hello')).toMatch(
          /1 desired \| 1 updated \| 1 total \| 1 available \| 0 unavailable[\s\S]*ScalingReplicaSet/,
        );
        expect(await k.ok('describe', 'rs', '-l', 'app=hello')).toMatch(
          /Controlled By: +Deployment\/hello[\s\S]*SuccessfulCreate/,
        );
        expect(await k.ok('describe', 'service', 'hello')).toMatch(/Endpoints: +10\.\d+\.\d+\.\d+:8080/);
        expect(await k.ok('describe', 'secret', 'hello')).toMatch(/token: +17 bytes/);
        expect(await k.ok('describe', 'configmap', 'hello')).toMatch(/GREETING:\n----\nHello\n/);
        expect(await k.ok('describe', 'node', node)).toMatch(
          /Ready +True [\s\S]*Non-terminated Pods: +\(\d+ in total\)[\s\S]*Allocated resources:/,
        );
        expect(await k.ok('describe', 'namespace', k.namespace)).toMatch(/Status: +Active/);
      });

      test('logs: all, the tail, since, of the previous life, by label, of every container', async () => {
        const k = the();
        expect(await k.ok('logs', 'shell')).toBe('main says hi\n');
        expect(await k.ok('logs', 'shell', '-c', 'side')).toBe('side says hi\n');
        expect(await k.ok('logs', 'writer', '--tail=2')).toBe('line 19\nline 20\n');
        expect((await k.ok('logs', 'writer', '--since=1h')).split('\n')).toHaveLength(21);
        expect(await k.ok('logs', 'writer', '--limit-bytes=4')).toBe('line');
        expect(await k.ok('logs', 'writer', '--tail=1', '--timestamps')).toMatch(
          /^\d{4}-\d\d-\d\dT[\d:.]+Z line 20\n$/,
        );
        expect(await k.ok('logs', 'crasher', '--previous')).toBe('first life\n');
        expect(await k.ok('logs', 'crasher')).toBe('second life\n');
        expect(await k.ok('logs', 'deploy/hello')).toContain('listens on 8080');
        const both = await k.ok('logs', '-l', 'kind=shell', '--all-containers', '--prefix');
        expect(both.trim().split('\n').sort()).toEqual([
          '[pod/shell/main] main says hi',
          '[pod/shell/side] side says hi',
        ]);
        expect((await k.fails('logs', 'shell', '--previous')).err).toMatch(
          /previous terminated container "main" in pod "shell" not found/,
        );
        expect((await k.fails('logs', 'shell', '-c', 'nope')).err).toMatch(
          /container nope is not valid for pod shell/,
        );
      });

      test('logs -f ends when the pod is deleted', async () => {
        const k = the();
        await k.ok(
          ...['run', 'followed', '--image=local/shell', '--image-pull-policy=Never'],
          ...['--command', '--', 'sh', '-c', `echo hello; ${STAY}`],
        );
        await k.ok('wait', '--for=condition=Ready', 'pod/followed', '--timeout=60s');
        const follow = k.start('logs', '-f', 'followed');
        await follow.prints(/hello/);
        await k.ok('delete', 'pod', 'followed');
        expect(await follow.ended).toEqual({ code: 0, out: 'hello\n', err: '' });
      });

      test('exec gives the exit code, pipes input, and keeps the error stream apart', async () => {
        const k = the();
        const failed = await k.fails(
          ...['exec', 'shell', '-c', 'main', '--', 'sh', '-c', 'echo out; echo err >&2; exit 42'],
        );
        expect([failed.code, failed.out]).toEqual([42, 'out\n']);
        // client-go 1.30 may read the empty message a server opens with before it has made its own streams.
        expect(failed.err.replace(/^E\d+ .*Unknown stream id 1, discarding message\n/, '')).toBe(
          'err\ncommand terminated with exit code 42\n',
        );
        const input = `${'0123456789'.repeat(20_000)}\n`;
        expect(await k.with(input, 'exec', '-i', 'shell', '-c', 'side', '--', 'cat')).toBe(input);
        expect(await k.ok('exec', 'shell', '-c', 'main', '--', 'sh', '-c', 'echo $GREETING')).toBe('hi\n');
        expect(await k.ok('exec', 'deploy/hello', '--', 'node', '-p', 'process.getuid()')).toBe('65534\n');
        expect((await k.fails('exec', 'shell', '-c', 'main', '--', 'nope')).err).toMatch(
          /nope.*not found in \$PATH/,
        );
        expect((await k.fails('exec', 'shell', '-c', 'nope', '--', 'ls')).err).toMatch(/container.*nope/);
      });

      test('exec -it is a terminal: its size, a change of size, Ctrl-C', async () => {
        const k = the();
        const flag = join(k.folder, 'wider');
        const before = `(until [ -e ${flag} ]; do sleep 0.02; done; stty cols 120 rows 40 </dev/tty) &`;
        const loop = 'trap "echo caught; exit 7" INT; while :; do stty size; sleep 0.05; done';
        const session = k.terminal({ before }, 'exec', '-it', 'shell', '-c', 'main', '--', 'sh', '-c', loop);
        await session.prints(/30 100\r\n/);
        writeFileSync(flag, '');
        await session.prints(/40 120\r\n/);
        session.type('\x03');
        const { code, out } = await session.ended;
        expect(out).toMatch(/caught\r\n/);
        expect(code).toBe(7);
      });

      test('port-forward reaches pods, deployments and services', async () => {
        const k = the();
        const pod = await k.ok('get', 'pods', '-l', 'app=hello', '-o', 'name');
        for (const target of [`${pod.trim()} :8080`, 'deployment/hello :8080', 'service/hello :8080']) {
          const forward = k.start('port-forward', ...target.split(' '));
          const [, port] = await forward.prints(/Forwarding from 127\.0\.0\.1:(\d+) -> 8080/);
          for (let i = 0; i < 3; i += 1)
            expect(await ask(`http://127.0.0.1:${port}/`), target).toMatch(/^Hello from hello-/);
          await forward.end();
        }
      });

      test('cp takes a file in and out', async () => {
        const k = the();
        const text = 'some text\n'.repeat(20_000);
        writeFileSync(join(k.folder, 'in.txt'), text);
        await k.ok('cp', join(k.folder, 'in.txt'), 'shell:/tmp/copied.txt', '-c', 'main');
        expect(await k.ok('exec', 'shell', '-c', 'main', '--', 'head', '-n1', '/tmp/copied.txt')).toBe(
          'some text\n',
        );
        await k.ok('cp', 'shell:/tmp/copied.txt', join(k.folder, 'out.txt'), '-c', 'main');
        expect(readFileSync(join(k.folder, 'out.txt'), 'utf8')).toBe(text);
      });

      test('get -w shows changes; wait waits for a condition, a path and the end', async () => {
        const k = the();
        const watch = k.start('get', 'pods', '-l', 'run=waited', '-w');
        const run = ['run', 'waited', '--image=local/shell', '--image-pull-policy=Never'];
        await k.ok(...run, '--command', '--', 'sh', '-c', STAY);
        await k.ok('wait', '--for=condition=Ready', 'pod/waited', '--timeout=60s');
        await k.ok('wait', '--for=jsonpath={.status.phase}=Running', 'pod/waited', '--timeout=60s');
        await watch.prints(/waited +1\/1 +Running/);
        const gone = k.start('wait', '--for=delete', 'pod/waited', '--timeout=60s');
        await k.ok('delete', 'pod', 'waited');
        expect((await gone.ended).code).toBe(0);
        await watch.prints(/waited +\d\/1 +Terminating/);
        await watch.end();
        expect((await k.fails('wait', '--for=condition=Nope', 'pod/shell', '--timeout=1s')).err).toMatch(
          /timed out waiting/,
        );
      });

      test('scale, set image, rollout history, undo, pause, resume and restart', async () => {
        const k = the();
        const target = 'deployment/rolled';
        const settled = () => k.ok('rollout', 'status', target, '--timeout=60s');
        await k.with(deployment('rolled'), 'apply', '-f', '-');
        expect(await settled()).toContain('successfully rolled out');
        expect(await k.ok('scale', target, '--replicas=2', '--current-replicas=1')).toContain('scaled');
        await settled();
        await k.ok('set', 'image', target, 'main=docker.io/local/shell:latest');
        await settled();
        expect(await k.ok('rollout', 'history', target)).toMatch(
          /REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>/,
        );
        expect(await k.ok('rollout', 'history', target, '--revision=1')).toMatch(/Image:\s+local\/shell\n/);
        expect(await k.ok('rollout', 'undo', target)).toContain('rolled back');
        await settled();
        expect(await k.ok('get', target, '-o', 'jsonpath={.spec.template.spec.containers[0].image}')).toBe(
          'local/shell',
        );
        expect(await k.ok('rollout', 'history', target)).toMatch(/\n2 +<none>\n3 +<none>/);
        await k.ok('rollout', 'pause', target);
        expect((await k.fails('rollout', 'restart', target)).err).toMatch(/can't restart paused deployment/);
        await k.ok('set', 'env', target, 'PAUSED=1');
        expect(
          await k.ok('get', 'rs', '-l', 'app=rolled', '-o', 'name').then((t) => t.trim().split('\n')),
        ).toHaveLength(2);
        await k.ok('rollout', 'resume', target);
        await settled();
        expect(
          await k.ok('get', 'rs', '-l', 'app=rolled', '-o', 'name').then((t) => t.trim().split('\n')),
        ).toHaveLength(3);
        await k.ok('rollout', 'restart', target);
        await settled();
        await k.ok('delete', target);
        await k.ok('wait', '--for=delete', 'pod', '-l', 'app=rolled', '--timeout=60s');
      });

      test('edit, label, annotate and the three patches', async () => {
        const k = the();
        const target = 'deployment/changed';
        await k.with(deployment('changed', { replicas: 0 }), 'apply', '-f', '-');
        await k.env({ KUBE_EDITOR: 'sed -i \'s/a: "1"/a: edited/\'' }, 'edit', target);
        expect(await k.ok('get', target, '-o', 'jsonpath={.metadata.labels.a}')).toBe('edited');
        await k.ok('label', target, 'b=2');
        expect((await k.fails('label', target, 'b=3')).err).toMatch(/--overwrite is false/);
        await k.ok('label', target, 'b=3', '--overwrite');
        await k.ok('label', target, 'a-');
        await k.ok('annotate', target, 'note=one two');
        await k.ok(
          'patch',
          target,
          '--type=json',
          '-p',
          '[{"op":"add","path":"/metadata/labels/json","value":"1"}]',
        );
        await k.ok('patch', target, '--type=merge', '-p', '{"metadata":{"labels":{"merge":"1"}}}');
        const env =
          '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"S","value":"1"}]}]}}}}';
        await k.ok('patch', target, '-p', env);
        expect((await k.fails('patch', target, '-p', '{"spec":{"replicas":-1}}')).err).toMatch(
          /The Deployment "changed" is invalid: spec\.replicas: Invalid value: -1: must be greater than or equal to 0/,
        );
        const { metadata, spec } = await k.json('get', target);
        expect(metadata.labels).toEqual({ b: '3', json: '1', merge: '1' });
        expect(metadata.annotations.note).toBe('one two');
        expect(spec.template.spec.containers).toHaveLength(1);
        expect(spec.template.spec.containers[0]).toMatchObject({
          command: ['sh', '-c', STAY],
          env: [{ name: 'S' }],
        });
      });

      test('apply merges three ways: what the file drops goes, what others set stays', async () => {
        const k = the();
        const target = 'deployment/applied';
        const file = join(k.folder, 'applied.yaml');
        writeFileSync(
          file,
          deployment('applied', { env: ['A', 'B'], labels: 'a: "1", b: "2"', replicas: 0 }),
        );
        expect(await k.ok('apply', '-f', file)).toContain('created');
        expect(await k.ok('apply', '-f', file)).toContain('unchanged');
        expect(await k.ok('diff', '-f', file)).toBe('');
        await k.ok('label', target, 'mine=yes');
        await k.ok('set', 'env', target, 'C=3');
        writeFileSync(file, deployment('applied', { env: ['B'], replicas: 0 }));
        const diff = await k.fails('diff', '-f', file);
        expect(diff.code).toBe(1);
        expect(diff.out).toMatch(/^-\s+- name: A$/m);
        expect(await k.ok('apply', '-f', file)).toContain('configured');
        const { metadata, spec } = await k.json('get', target);
        expect(metadata.labels).toEqual({ a: '1', mine: 'yes' });
        expect(spec.template.spec.containers[0].env.map((e: { name: string }) => e.name).sort()).toEqual([
          'B',
          'C',
        ]);
      });

      test('apply --server-side tells conflicts and forces through them', async () => {
        const k = the();
        const manifest = (value: string) =>
          `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: owned }\ndata: { key: ${value} }\n`;
        const file = join(k.folder, 'owned.yaml');
        writeFileSync(file, manifest('one'));
        const apply = ['apply', '--server-side', '-f', file, '--field-manager'];
        expect(await k.ok(...apply, 'first')).toContain('serverside-applied');
        writeFileSync(file, manifest('two'));
        expect((await k.fails(...apply, 'second')).err).toMatch(/conflict with "first": \.data\.key/);
        expect(await k.ok(...apply, 'second', '--force-conflicts')).toContain('serverside-applied');
        expect(await k.ok('get', 'cm', 'owned', '-o', 'jsonpath={.data.key}')).toBe('two');
        const { metadata } = await k.json('get', 'cm', 'owned', '--show-managed-fields');
        expect(metadata.managedFields).toMatchObject([{ manager: 'second', operation: 'Apply' }]);
      });

      test('create, expose, run and delete', async () => {
        const k = the();
        await k.ok('create', 'configmap', 'made', '--from-literal=a=b');
        await k.ok('create', 'secret', 'generic', 'made', '--from-literal=a=b');
        await k.ok('create', 'serviceaccount', 'made');
        expect(await k.ok('create', 'token', 'made')).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+\n?$/);
        await k.ok('create', 'deployment', 'made', '--image=local/shell', '--', 'sh', '-c', STAY);
        await k.ok('wait', '--for=condition=Available', 'deployment/made', '--timeout=60s');
        expect(await k.ok('expose', 'deployment', 'made', '--port=80', '--target-port=8080')).toContain(
          'service/made exposed',
        );
        await eventually('the service has its endpoint', async () =>
          (await k.ok('get', 'endpointslices', '-l', 'kubernetes.io/service-name=made')).includes('8080')
            ? true
            : undefined,
        );
        const once = ['run', 'once', '--rm', '--restart=Never', '--image=local/shell', '--quiet'];
        expect(await k.ok(...once, '--attach', '--command', '--', 'sh', '-c', 'echo once only')).toContain(
          'once only\n',
        );
        expect((await k.fails('get', 'pod', 'once')).err).toContain('not found');
        // The input may come before the process reads it; its end ends the pod.
        const piped = ['run', 'piped', '-i', '--rm', '--restart=Never', '--image=local/shell', '--quiet'];
        expect(await k.with('three words here\n', ...piped, '--command', '--', 'cat')).toBe(
          'three words here\n',
        );
        const debugged = await k.ok(
          ...['debug', 'writer', '--image=local/shell', '--image-pull-policy=IfNotPresent'],
          ...['-c', 'look', '--quiet', '--', 'sh', '-c', 'echo seen'],
        );
        expect(debugged).not.toContain('rror');
        await eventually('the debug container has ended', async () =>
          (await k.ok('logs', 'writer', '-c', 'look')).includes('seen') ? true : undefined,
        );
        const deleted = await k.ok('delete', 'cm/made', 'secret/made', 'sa/made', 'svc/made', 'deploy/made');
        expect(deleted.trim().split('\n')).toHaveLength(5);
        await k.ok('wait', '--for=delete', 'pod', '-l', 'app=made', '--timeout=60s');
        expect(await k.ok('delete', 'cm', 'made', '--ignore-not-found')).toBe('');
      });

      test('tells about itself: events, resources, version, rights, fields', async () => {
        const k = the();
        expect(await k.ok('events', '--for', 'pod/crasher')).toMatch(
          /LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n[\s\S]*Started/,
        );
        expect(
          await k.ok('get', 'events', '--field-selector', 'involvedObject.name=shell,reason=Scheduled'),
        ).toMatch(/Successfully assigned \S+\/shell to /);
        expect(await k.ok('api-resources')).toMatch(/deployments +deploy +apps\/v1 +true +Deployment/);
        expect(await k.ok('version')).toMatch(/Server Version.*v1\.36\.0\+orrery-0\.1\.0/);
        expect(await k.ok('cluster-info')).toContain(`https://127.0.0.1:${cloud.port}`);
        expect(await k.ok('auth', 'can-i', 'create', 'pods')).toBe('yes\n');
        expect(await k.ok('auth', 'can-i', '--list')).toMatch(/Resources +Non-Resource URLs/);
        expect(await k.ok('explain', 'pod.spec.containers.livenessProbe')).toMatch(/initialDelaySeconds/);
      });
    });

    // One node: whoever takes it out of service does so alone.
    test.each(kubectls)('$version cordons, taints, drains and uncordons the node', async ({ version }) => {
      const k = clients.get(version)!;
      const pod = (name: string) =>
        k.ok(
          ...['run', name, '--image=local/shell', '--image-pull-policy=Never', '--labels=role=moving'],
          ...['--command', '--', 'sh', '-c', STAY],
        );
      await pod('stays');
      await k.ok('wait', '--for=condition=Ready', 'pod/stays', '--timeout=60s');
      await k.ok('cordon', node);
      expect(await k.ok('get', 'node', node)).toContain('Ready,SchedulingDisabled');
      await pod('waits');
      await k.ok('wait', '--for=condition=PodScheduled=false', 'pod/waits', '--timeout=30s');
      expect(await k.ok('describe', 'pod', 'waits')).toContain(
        '0/1 nodes are available: 1 node(s) were unschedulable',
      );
      const selector = [
        '--pod-selector=role=moving',
        '--force',
        '--ignore-daemonsets',
        '--delete-emptydir-data',
      ];
      await k.ok('delete', 'pod', 'waits', '--now');
      const drained = await k.ok('drain', node, ...selector, '--timeout=60s');
      expect(drained).toMatch(/evicting pod \S+\/stays[\s\S]*drained/);
      expect((await k.fails('get', 'pod', 'stays')).err).toContain('not found');
      await k.ok('uncordon', node);
      await k.ok('taint', 'node', node, `only-${k.namespace}=yes:NoSchedule`);
      await pod('tainted');
      await k.ok('wait', '--for=condition=PodScheduled=false', 'pod/tainted', '--timeout=30s');
      await k.ok('taint', 'node', node, `only-${k.namespace}-`);
      await k.ok('wait', '--for=condition=Ready', 'pod/tainted', '--timeout=60s');
      await k.ok('delete', 'pod', 'tainted', '--now');
    });
  },
);
