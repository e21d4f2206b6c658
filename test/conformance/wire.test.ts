import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { connect as connectTls } from 'node:tls';
import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePki } from '../../src/apiserver/index.ts';
import { type RunningServer, startServer } from './running-server.ts';

let running: RunningServer;
let config: KubeConfig;

beforeAll(async () => {
  running = await startServer();
  config = new KubeConfig();
  config.loadFromFile(
    await running.kubeconfig({ commonName: 'orrery-admin', organizations: ['system:masters'] }),
  );
});

afterAll(async () => {
  await running?.stop();
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  text: string;
}

/** HTTP/1.1 with whatever identity `options` show. */
function http1(path: string, options: RequestOptions = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: running.port,
        path,
        ca: running.pki.caCertificatePem,
        agent: false,
        ...options,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function admin(): Promise<{ cert: string; key: string }> {
  const { certificate, key } = await running.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  return { cert: certificate, key };
}

describe('who is let in', () => {
  test('nobody but to health and version', async () => {
    for (const path of ['/livez', '/readyz', '/healthz', '/version'])
      expect((await http1(path)).status).toBe(200);
    for (const path of ['/api', '/metrics', '/api/v1/namespaces', '/openapi/v2']) {
      const { status, text } = await http1(path);
      expect(status, path).toBe(401);
      expect(JSON.parse(text)).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
    }
  });

  test('a client certificate of our authority, over HTTP/1.1 and HTTP/2', async () => {
    const identity = await admin();
    expect((await http1('/api/v1/namespaces', identity)).status).toBe(200);
    const session = connectHttp2(`https://127.0.0.1:${running.port}`, {
      ca: running.pki.caCertificatePem,
      ...identity,
    });
    const stream = session.request({ ':path': '/api/v1/namespaces' });
    const status = await new Promise((resolve) =>
      stream.once('response', (headers) => resolve(headers[':status'])),
    );
    expect(status).toBe(200);
    session.destroy();
  });

  test('not a certificate of another authority, even for what is public', async () => {
    const other = await ensurePki(`${running.directory}/other`);
    const { certificate, key } = await other.issueClientCertificate({
      commonName: 'a',
      organizations: ['system:masters'],
    });
    expect((await http1('/version', { cert: certificate, key })).status).toBe(401);
  });

  test('not a server certificate', async () => {
    const { certificate, key } = await running.pki.issueCertificate({
      commonName: 'a',
      organizations: ['system:masters'],
      usages: ['server'],
    });
    expect((await http1('/api/v1/namespaces', { cert: certificate, key })).status).toBe(401);
  });

  test('a service account token, until its account is gone', async () => {
    const core = config.makeApiClient(CoreV1Api);
    await core.createNamespacedServiceAccount({
      namespace: 'default',
      body: { metadata: { name: 'robot' } },
    });
    const { status } = await core.createNamespacedServiceAccountToken({
      name: 'robot',
      namespace: 'default',
      body: { spec: { audiences: [] } },
    });
    const headers = { authorization: `Bearer ${status!.token}` };
    expect((await http1('/apis', { headers })).status).toBe(200);
    expect((await http1('/api/v1/namespaces/default/pods', { headers })).status).toBe(403);
    await core.deleteNamespacedServiceAccount({ name: 'robot', namespace: 'default' });
    expect((await http1('/apis', { headers })).status).toBe(401);
    expect((await http1('/version', { headers: { authorization: 'Bearer nonsense' } })).status).toBe(401);
  });

  test('not TLS 1.1', async () => {
    const socket = connectTls({
      host: '127.0.0.1',
      port: running.port,
      ca: running.pki.caCertificatePem,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
    });
    const refused = await new Promise((resolve) => {
      socket.once('error', () => resolve(true));
      socket.once('secureConnect', () => resolve(false));
    });
    socket.destroy();
    expect(refused).toBe(true);
  });
});

describe('the wire', () => {
  test('a body over the limit is 413, said or streamed, and the server goes on', async () => {
    const identity = await admin();
    const headers = { 'content-type': 'application/json' };
    const large = Buffer.alloc(4 * 1024 * 1024, 'x');
    const path = '/api/v1/namespaces/default/configmaps';
    const said = await http1(path, { ...identity, method: 'POST', headers }, large).catch(() => undefined);
    // A server that closes while much is still being sent may be heard only as a reset.
    if (said !== undefined) expect(said.status).toBe(413);
    expect((await http1('/readyz')).text).toBe('ok');
  });

  test('methods and upgrades we do not know are refused', async () => {
    const identity = await admin();
    expect((await http1('/api/v1/namespaces', { ...identity, method: 'OPTIONS' })).status).toBe(405);
    expect((await http1('/api/v1/namespaces', { ...identity, method: 'HEAD' })).text).toBe('');
    const plain = await http1('/api/v1/namespaces/default/pods/x/exec?command=ls', {
      ...identity,
      method: 'POST',
    });
    expect(JSON.parse(plain.text)).toMatchObject({ code: 400, message: 'Upgrade request required' });
  });

  test('an upgrade for a pod that is not there answers with a Status', async () => {
    const { status, text } = await http1('/api/v1/namespaces/default/pods/x/exec?command=ls', {
      ...(await admin()),
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1' },
    });
    expect(status).toBe(404);
    expect(JSON.parse(text)).toMatchObject({ message: 'pods "x" not found' });
  });

  test('discovery is kept by its hash', async () => {
    const identity = await admin();
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const first = await http1('/apis', { ...identity, headers: { accept } });
    expect(first.headers['content-type']).toBe(
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    );
    const again = await http1('/apis', {
      ...identity,
      headers: { accept, 'if-none-match': String(first.headers.etag) },
    });
    expect(again).toMatchObject({ status: 304, text: '' });
    const index = JSON.parse((await http1('/openapi/v3', identity)).text);
    const { serverRelativeURL } = index.paths['apis/apps/v1'];
    const document = await http1(serverRelativeURL, identity);
    expect(document.headers['cache-control']).toBe('public, immutable');
    expect(JSON.parse(document.text).openapi).toBe('3.0.0');
  });
});

describe('@kubernetes/client-node', () => {
  test('creates, patches, watches and deletes', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const seen: string[] = [];
    let finish: () => void;
    const deleted = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const controller = await new Watch(config).watch(
      '/apis/apps/v1/namespaces/default/deployments',
      {},
      (type, object) => {
        seen.push(`${type} ${object.spec.replicas}`);
        if (type === 'DELETED') finish();
      },
      () => undefined,
    );
    const body = {
      metadata: { name: 'web' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: 'web' } },
        template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'x' }] } },
      },
    };
    await apps.createNamespacedDeployment({ namespace: 'default', body });
    await apps.patchNamespacedDeployment(
      { name: 'web', namespace: 'default', body: { spec: { replicas: 2 } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    const { items } = await apps.listDeploymentForAllNamespaces();
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(['web']);
    await apps.deleteNamespacedDeployment({ name: 'web', namespace: 'default' });
    await deleted;
    controller.abort();
    expect(seen).toEqual(['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
  });
});
