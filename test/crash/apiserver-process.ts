/**
 * An API server in a process of its own, to be killed.
 *
 *     node apiserver-process.ts DIRECTORY
 *
 * When it serves, one line of JSON goes to standard output: port, and a client certificate of system:masters.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../../src/apiserver/index.ts';
import { createLog } from '../../src/base/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';

const directory = process.argv[2]!;
const log = createLog({ level: 'warn' });
const pki = await ensurePki(join(directory, 'pki'));
const store = await openLmdbStore({ directory: join(directory, 'store'), log });
const server = await createApiServer({
  store,
  pki: pki.paths,
  log,
  productVersion: '0.1.0',
  advertise: { address: '192.0.2.1', port: 6443 },
});
const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
await server.bootstrap();
const client = await pki.issueClientCertificate({
  commonName: 'writer',
  organizations: ['system:masters'],
});
writeSync(1, `${JSON.stringify({ port, ca: pki.caCertificatePem, ...client })}\n`);
