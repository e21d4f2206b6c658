import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Socket,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../src/base/index.ts';
import type { corev1 } from '../../src/kube/index.ts';
import type { FoundContainer, FoundPod, PodLookup } from '../../src/node/pod-lookup.ts';
import { createNodeServer, type NodeServer } from '../../src/node/server/index.ts';
import { type EngineFixture, startEngine, whyNotHere } from './engine-fixture.ts';

const why = await whyNotHere();
const kubectls = findKubectls();

function findKubectls(): { version: string; path: string }[] {
  const onPath = (process.env.PATH ?? '').split(':').find((folder) => existsSync(join(folder, 'kubectl')));
  if (onPath === undefined) return [];
  const folder = dirname(realpathSync(join(onPath, 'kubectl')));
  return ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33']
    .map((version) => ({ version, path: join(folder, `kubectl.${version}`) }))
    .filter(({ path }) => existsSync(path));
}

/** A CA, a server certificate, and client certificates of two groups. */
function makeCertificates(folder: string) {
  const sh = (script: string) => execFileSync('/bin/sh', ['-ec', script], { cwd: folder, stdio: 'pipe' });
  const issue = (name: string, subject: string, extra = '') =>
    sh(`openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ${name}.key -out ${name}.csr -subj '${subject}'
        printf 'subjectAltName=IP:127.0.0.1\\n${extra}' > ${name}.ext
        openssl x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ${name}.ext -out ${name}.crt`);
  sh(`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=ca -days 2
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.crt -subj /O=system:masters/CN=x -days 2`);
  issue('server', '/CN=node');
  issue('client', '/O=system:masters/CN=kube-apiserver-kubelet-client');
  issue('stranger', '/O=system:nodes/CN=system:node:x');
  const pem = (name: string) => readFileSync(join(folder, name), 'utf8');
  return {
    ca: pem('ca.crt'),
    server: { key: pem('server.key'), cert: pem('server.crt') },
    client: { key: pem('client.key'), cert: pem('client.crt') },
    stranger: { key: pem('stranger.key'), cert: pem('stranger.crt') },
    foreign: { key: pem('other.key'), cert: pem('other.crt') },
  };
}

/** Plays the API server: discovery and GET of a pod, and pipes streams to the node byte for byte. */
class Front {
  readonly #server: Server;
  readonly #options: { pods: PodLookup; nodePort: () => number; tls: object };

  constructor(options: { pods: PodLookup; nodePort: () => number; tls: object }) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#request(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  listen(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () =>
        resolve(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`),
      );
    });
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const own = this.#ownAnswer(new URL(request.url!, 'http://front').pathname);
    const url = this.#nodeUrl(request.url!);
    if (own !== undefined) answerJson(response, own);
    else if (url !== undefined) this.#pass(request, response, url);
    else answerJson(response, { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound' }, 404);
  }

  #ownAnswer(pathname: string): object | undefined {
    if (pathname === '/api') return { kind: 'APIVersions', versions: ['v1'] };
    if (pathname === '/apis') return { kind: 'APIGroupList', apiVersion: 'v1', groups: [] };
    const pods = { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', verbs: ['get'] };
    if (pathname === '/api/v1') return { kind: 'APIResourceList', groupVersion: 'v1', resources: [pods] };
    const name = /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)$/.exec(pathname)?.[1];
    return name === undefined ? undefined : this.#options.pods.find('default', name)?.pod;
  }

  #pass(request: IncomingMessage, response: ServerResponse, path: string): void {
    const port = this.#options.nodePort();
    const options = { host: '127.0.0.1', port, path, method: request.method, ...this.#options.tls };
    const onward = httpsRequest(options, async (answer) => {
      if (answer.statusCode === 200) {
        response.writeHead(200, { 'content-type': 'text/plain' });
        answer.pipe(response);
        return;
      }
      const message = await text(answer);
      const code = answer.statusCode!;
      answerJson(response, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, message }, code);
    });
    response.on('close', () => onward.destroy());
    onward.on('error', () => response.destroy());
    onward.end();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const onward = tlsConnect({ host: '127.0.0.1', port: this.#options.nodePort(), ...this.#options.tls });
    const lines = [`${request.method} ${this.#nodeUrl(request.url!)} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2)
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    onward.write(`${lines.join('\r\n')}\r\n\r\n`);
    onward.write(head);
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  }

  #nodeUrl(path: string): string | undefined {
    const { pathname, searchParams: query } = new URL(path, 'http://front');
    const [, name = '', verb = ''] =
      /^\/api\/v1\/namespaces\/default\/pods\/([^/]+)\/(\w+)$/.exec(pathname) ?? [];
    const container = query.get('container') || 'main';
    query.delete('container');
    if (verb === 'log') return `/containerLogs/default/${name}/${container}?${query}`;
    for (const [theirs, ours] of Object.entries({
      stdin: 'input',
      stdout: 'output',
      stderr: 'error',
      tty: 'tty',
    }))
      if (query.get(theirs) === 'true') query.set(ours, '1');
    if (verb === 'exec' || verb === 'attach') return `/${verb}/default/${name}/${container}?${query}`;
    return verb === 'portforward' ? `/portForward/default/${name}?${query}` : undefined;
  }
}

function answerJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

describe.skipIf(why !== '' || kubectls.length === 0)(
  `streaming to real kubectl and real containers ${why}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'orrery-streaming-'));
    let certificates: ReturnType<typeof makeCertificates>;
    let fixture: EngineFixture;
    let node: NodeServer;
    let nodePort: number;
    let front: Front;
    let address: string;
    const found = new Map<string, FoundPod>();
    const pods: PodLookup = {
      find: (_namespace, name) => found.get(name),
      list: () => [...found.values()].map(({ pod }) => pod),
    };

    beforeAll(async () => {
      certificates = makeCertificates(folder);
      fixture = await startEngine();
      const { server, client, ca } = certificates;
      node = createNodeServer({
        tls: { keyPem: server.key, certPem: server.cert, caPem: ca },
        host: '127.0.0.1',
        port: 0,
        pods,
        engine: fixture.engine,
        log: silentLog,
        clock: systemClock,
      });
      nodePort = (await node.listen()).port;
      front = new Front({ pods, nodePort: () => nodePort, tls: { ...client, ca } });
      address = await front.listen();
      await addPod('web', 'echo started; echo oops >&2; exec sleep 1000', { network: 'host' });
    });

    afterAll(async () => {
      front?.close();
      await node?.close();
      await fixture?.dispose();
      rmSync(folder, { recursive: true });
    });

    async function addPod(
      name: string,
      script: string,
      more: { network?: string; container?: Partial<FoundContainer> } = {},
    ): Promise<FoundContainer> {
      const engineId = await fixture.run(script, more.network === undefined ? {} : { network: more.network });
      const { logPath } = await fixture.engine.inspect(engineId);
      const container: FoundContainer = {
        name: 'main',
        engineId,
        logPath,
        state: 'running',
        ...more.container,
      };
      found.set(name, {
        pod: makePod(name),
        networkNamespacePath: more.network ?? 'host',
        containers: [container],
      });
      return container;
    }

    function start(kubectl: string, args: string[], env: Record<string, string> = {}): ChildProcess {
      const flags = ['--server', address, '--cache-dir', join(folder, 'cache')];
      return spawn(kubectl, [...flags, ...args], {
        env: { ...process.env, KUBECONFIG: '/dev/null', ...env },
      });
    }

    async function run(
      kubectl: string,
      args: string[],
      { input, env }: { input?: string; env?: Record<string, string> } = {},
    ): Promise<Outcome> {
      const child = start(kubectl, args, env);
      child.stdin!.on('error', () => undefined);
      child.stdin!.end(input);
      const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
      const [out, err] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
      return { code: await closed, out, err };
    }

    /** Each version with both protocols it may speak. */
    const ways = kubectls.flatMap(({ version, path }) => {
      const socket = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'true', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'true' };
      const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' };
      const one = { name: `kubectl ${version} SPDY`, path, env: spdy };
      return Number(version.slice(2)) < 30
        ? [one]
        : [one, { name: `kubectl ${version} WebSocket`, path, env: socket }];
    });
    const newest = kubectls.at(-1)?.path ?? '';

    describe.each(ways)('$name', ({ path, env }) => {
      test('exec keeps the streams apart and gives the exit code', async () => {
        const script = 'echo out; echo err >&2; exit 7';
        const { code, out, err } = await run(path, ['exec', 'web', '--', 'sh', '-c', script], { env });
        expect(out).toBe('out\n');
        expect(err).toBe('err\ncommand terminated with exit code 7\n');
        expect(code).toBe(7);
      });

      test('exec -i carries input with its end', async () => {
        const input = 'line of input\n'.repeat(20_000);
        const { code, out } = await run(path, ['exec', '-i', 'web', '--', 'cat'], { env, input });
        expect(out.length).toBe(input.length);
        expect(out === input).toBe(true);
        expect(code).toBe(0);
      });

      test('exec -it has a terminal of the size of the user’s, and passes keys', async () => {
        const command = `stty rows 33 cols 77; ${path} --server ${address} --cache-dir ${folder}/cache exec -it web -- sh -c 'sleep 0.3; stty size; read x; echo got $x; exit 3'`;
        const child = spawn('script', ['-qefc', command, '/dev/null'], {
          env: { ...process.env, ...env, KUBECONFIG: '/dev/null', SHELL: '/bin/sh' },
        });
        let out = '';
        child.stdout.on('data', (data) => {
          out += data;
          if (out.includes('33 77') && !out.includes('hello')) child.stdin.write('hello\r');
        });
        const code = await new Promise((resolve) => child.on('close', resolve));
        expect(out).toContain('33 77');
        expect(out).toContain('got hello');
        expect(code).toBe(3);
      });

      test('port-forward carries several connections at once', async () => {
        const { server, port } = await listenTcp((socket) => socket.pipe(socket));
        const child = start(path, ['port-forward', 'pod/web', `:${port}`], env);
        try {
          const local = await forwardedPort(child);
          const echoes = Array.from({ length: 5 }, async (_, number) => {
            const sent = `${number}`.repeat(100_000);
            const socket = connect(local, '127.0.0.1');
            socket.end(sent);
            expect((await text(socket)) === sent).toBe(true);
          });
          await Promise.all(echoes);
        } finally {
          child.kill('SIGKILL');
          server.close();
        }
      });

      test('logs and attach', async () => {
        expect(await run(path, ['logs', 'web'], { env })).toMatchObject({ out: 'started\noops\n', code: 0 });
        const { engineId } = await addPod('talker', 'sleep 1; echo one; echo two >&2; exit 0');
        const attached = await run(path, ['attach', 'talker'], { env });
        expect(attached.out).toContain('one\n');
        expect(attached.err).toContain('two\n');
        await fixture.engine.remove(engineId!, { force: true });
      });
    });

    test('a command that does not exist is reported, and a container that is not there', async () => {
      const missing = await run(newest, ['exec', 'web', '--', 'no-such-program']);
      expect(missing.code).not.toBe(0);
      expect(missing.err).toContain('no-such-program');
      const nobody = await run(newest, ['exec', 'web', '-c', 'other', '--', 'sh']);
      expect(nobody.err).toContain('container not found ("other")');
    });

    test('a client that disappears ends its command', async () => {
      const child = start(newest, ['exec', 'web', '--', 'sh', '-c', 'echo up; exec tail -f /dev/null']);
      await new Promise((resolve) => child.stdout!.once('data', resolve));
      const running = () =>
        execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).includes('tail -f /dev/null');
      expect(running()).toBe(true);
      child.kill('SIGKILL');
      await expect.poll(running, { timeout: 10_000 }).toBe(false);
    });

    test('a refused port is told in kubelet’s words', async () => {
      const child = start(newest, ['port-forward', 'pod/web', ':1']);
      const err = text(child.stderr!);
      const local = await forwardedPort(child);
      const socket = connect(local, '127.0.0.1');
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.on('close', resolve));
      child.kill();
      expect(await err).toMatch(/error forwarding port 1 to pod web, uid web: .*ECONNREFUSED/);
    });

    test('port-forward enters the network namespace of the pod', async () => {
      const path = await fixture.engine.networks.createNamespace('forwarded');
      const code = `require('node:net').createServer((s) => s.end('from inside')).listen(8080, '127.0.0.1', () => console.log('up'))`;
      const server = spawn('nsenter', [`--net=${path}`, process.execPath, '-e', code]);
      await new Promise((resolve) => server.stdout.once('data', resolve));
      found.set('inside', { pod: makePod('inside'), networkNamespacePath: path, containers: [] });
      const child = start(newest, ['port-forward', 'pod/inside', ':8080']);
      const local = await forwardedPort(child);
      expect(await text(connect(local, '127.0.0.1'))).toBe('from inside');
      child.kill('SIGKILL');
      server.kill('SIGKILL');
      await fixture.engine.networks.removeNamespace('forwarded');
    });

    test('logs -f follows a running container to its end', async () => {
      const { engineId } = await addPod('counter', 'for i in 1 2 3; do echo $i; sleep 0.2; done');
      const { out, code } = await run(newest, ['logs', '-f', 'counter']);
      expect({ out, code }).toEqual({ out: '1\n2\n3\n', code: 0 });
      await fixture.engine.remove(engineId!, { force: true });
    });

    test.each([
      [
        { state: 'waiting', waitingReason: 'ContainerCreating' },
        [],
        'container "main" in pod "sad" is waiting to start: ContainerCreating',
      ],
      [
        { state: 'waiting', waitingReason: 'ImagePullBackOff' },
        [],
        'container "main" in pod "sad" is waiting to start: trying and failing to pull image',
      ],
      [{ state: 'running' }, ['--previous'], 'previous terminated container "main" in pod "sad" not found'],
    ] as const)('logs of %o %o', async (container, flags, message) => {
      found.set('sad', { pod: makePod('sad'), containers: [{ name: 'main', ...container }] });
      const { err } = await run(newest, ['logs', 'sad', ...flags]);
      expect(err).toContain(message);
    });

    test('logs --previous of a container in back-off is its last run', async () => {
      const { engineId, logPath } = await addPod('crashed', 'echo last words; exit 1');
      await fixture.ended(engineId!);
      const container: FoundContainer = {
        name: 'main',
        engineId: engineId!,
        logPath: logPath!,
        state: 'waiting',
        waitingReason: 'CrashLoopBackOff',
      };
      found.set('crashed', { pod: makePod('crashed'), containers: [container] });
      expect((await run(newest, ['logs', 'crashed', '--previous'])).out).toBe('last words\n');
      expect((await run(newest, ['logs', 'crashed'])).out).toBe('last words\n');
    });

    test('logs -f survives a rotation', async () => {
      const { logPath } = await addPod('rotated', 'echo a; exec sleep 60');
      const child = start(newest, ['logs', '-f', 'rotated']);
      let out = '';
      child.stdout!.on('data', (data) => {
        out += data;
      });
      await expect.poll(() => out).toBe('a\n');
      await rename(logPath!, `${logPath}.20260101-000000`);
      await writeFile(logPath!, '2026-01-01T00:00:00.000000000+00:00 stdout F b\n');
      await expect.poll(() => out).toBe('a\nb\n');
      child.kill('SIGKILL');
    });

    test('200 MB come through exec, and through port-forward', async () => {
      const megabytes = (bytes: number, ms: number) => `${Math.round(bytes / 1000 / ms)} MB/s`;
      for (const { name, path, env } of ways.filter(({ path }) => path === newest)) {
        const command = ['exec', 'web', '--', 'dd', 'if=/dev/zero', 'bs=1M', 'count=200', 'status=none'];
        const child = start(path, command, env);
        const before = performance.now();
        let bytes = 0;
        for await (const chunk of child.stdout!) bytes += chunk.length;
        expect(bytes).toBe(200 * 1024 * 1024);
        const execMs = performance.now() - before;
        const { server, port } = await listenTcp((socket) => {
          socket.on('error', () => undefined);
          createReadStream('/dev/zero', { end: 200 * 1024 * 1024 - 1, highWaterMark: 1 << 20 }).pipe(socket);
        });
        const forward = start(path, ['port-forward', 'pod/web', `:${port}`], env);
        const local = await forwardedPort(forward);
        const forwardedAt = performance.now();
        bytes = 0;
        for await (const chunk of connect(local, '127.0.0.1')) bytes += (chunk as Buffer).length;
        expect(bytes).toBe(200 * 1024 * 1024);
        const forwardMs = performance.now() - forwardedAt;
        forward.kill('SIGKILL');
        server.close();
        console.log(`${name}: exec ${megabytes(bytes, execMs)}, port-forward ${megabytes(bytes, forwardMs)}`);
      }
    });

    test.each([
      ['no certificate', 401, undefined],
      ['a certificate of another CA', 401, 'foreign'],
      ['another group', 403, 'stranger'],
      ['system:masters', 200, 'client'],
    ] as const)('%s gets %s', async (_name, status, who) => {
      const tls = who === undefined ? {} : certificates[who];
      for (const path of ['/healthz', '/stats/summary', '/metrics', '/pods'])
        expect((await get(path, tls)).status).toBe(status);
      expect(await upgradeStatus('/exec/default/web/main?command=id&output=1', tls)).toBe(
        status === 200 ? 101 : status,
      );
    });

    test('stats and metrics carry real numbers', async () => {
      const summary = JSON.parse((await get('/stats/summary', certificates.client)).body);
      const web = summary.pods.find((pod: { podRef: { name: string } }) => pod.podRef.name === 'web');
      expect(web.containers[0].memory.workingSetBytes).toBeGreaterThan(10_000);
      expect(web.containers[0].cpu.usageCoreNanoSeconds).toBeGreaterThan(100_000);
      expect(summary.node.memory.usageBytes).toBeGreaterThan(1e6);
      expect((await get('/metrics', certificates.client)).body).toMatch(
        /kubelet_running_containers\{container_state="running"\} \d/,
      );
      expect((await get('/metrics/resource', certificates.client)).body).toMatch(
        /container_memory_working_set_bytes\{container="main",namespace="default",pod="web"\} \d+/,
      );
    });

    function get(path: string, tls: object): Promise<{ status: number; body: string }> {
      return new Promise((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port: nodePort,
          path,
          ca: certificates.ca,
          agent: false,
          ...tls,
        };
        httpsRequest(options, async (response) =>
          resolve({ status: response.statusCode!, body: await text(response) }),
        )
          .on('error', reject)
          .end();
      });
    }

    function upgradeStatus(path: string, tls: object): Promise<number> {
      return new Promise((resolve, reject) => {
        const headers = {
          Connection: 'Upgrade',
          Upgrade: 'SPDY/3.1',
          'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
        };
        const options = {
          host: '127.0.0.1',
          port: nodePort,
          path,
          method: 'POST',
          headers,
          ca: certificates.ca,
          agent: false,
          ...tls,
        };
        const request = httpsRequest(options);
        request.on('response', (response) => resolve(response.resume().statusCode!));
        request.on('upgrade', (response, socket) => {
          socket.destroy();
          resolve(response.statusCode!);
        });
        request.on('error', reject).end();
      });
    }
  },
);

function makePod(name: string): corev1.Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: name },
    spec: { containers: [{ name: 'main', image: 'x' }] },
    status: { phase: 'Running' },
  } as unknown as corev1.Pod;
}

function listenTcp(serve: (socket: Socket) => void): Promise<{ server: TcpServer; port: number }> {
  const server = createTcpServer(serve);
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve({ server, port: (server.address() as AddressInfo).port })),
  );
}

/** The local port out of `Forwarding from 127.0.0.1:40000 -> 80`. */
function forwardedPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let out = '';
    child.stdout!.on('data', (data) => {
      out += data;
      const port = /127\.0\.0\.1:(\d+) ->/.exec(out)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
    child.on('exit', () => reject(new Error(`kubectl port-forward ended: ${out}`)));
  });
}
