import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ApiServer, createApiServer, ensurePki, type Pki } from '../../src/apiserver/index.ts';
import type { ApiServerOptions } from '../../src/apiserver/options.ts';
import { silentLog } from '../../src/base/index.ts';
import { openLmdbStore, type Store } from '../../src/store/index.ts';

/** Our API server over a real store, on a loopback port of its own, with an administrator's kubeconfig. */
export interface RunningServer {
  server: ApiServer;
  store: Store;
  pki: Pki;
  port: number;
  directory: string;
  /** A kubeconfig file for a user of these groups. */
  kubeconfig(user: { commonName: string; organizations: string[] }): Promise<string>;
  stop(): Promise<void>;
}

export async function startServer(options: Partial<ApiServerOptions> = {}): Promise<RunningServer> {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-api-'));
  const pki = await ensurePki(join(directory, 'pki'));
  const store = await openLmdbStore({ directory: join(directory, 'store'), log: silentLog });
  const server = await createApiServer({
    store,
    pki: pki.paths,
    log: silentLog,
    productVersion: '0.1.0',
    advertise: { address: '192.0.2.1', port: 6443 },
    ...options,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  await server.bootstrap();
  return {
    server,
    store,
    pki,
    port,
    directory,
    kubeconfig: (user) => writeKubeconfig(directory, pki, port, user),
    async stop() {
      await server.close({ graceMs: 200 });
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

async function writeKubeconfig(
  directory: string,
  pki: Pki,
  port: number,
  user: { commonName: string; organizations: string[] },
): Promise<string> {
  const { certificate, key } = await pki.issueClientCertificate(user);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const name = 'test';
  const path = join(directory, `${user.commonName.replaceAll(':', '-')}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority-data': base64(pki.caCertificatePem),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    users: [
      {
        name,
        user: { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) },
      },
    ],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}
