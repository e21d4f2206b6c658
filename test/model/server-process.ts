/**
 * An API server whose store lives a hundred times as fast, to be killed and ended.
 *
 *     node server-process.ts DIRECTORY
 *
 * When it serves, one line of JSON goes to standard output: port, and a client certificate of system:masters.
 */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { createApiServer, ensurePki } from '../../src/apiserver/index.ts';
import { createLog } from '../../src/base/index.ts';
import { openLmdbStore } from '../../src/store/index.ts';
import { COMPACTION, fastClock } from './world.ts';

const directory = process.argv[2]!;
const log = createLog({ level: 'error' });
const pki = await ensurePki(join(directory, 'pki'));
const store = await openLmdbStore({
  directory: join(directory, 'store'),
  log,
  clock: fastClock,
  compaction: COMPACTION,
});
const server = await createApiServer({
  store,
  pki: pki.paths,
  log,
  productVersion: '0.1.0',
  advertise: { address: '192.0.2.1', port: 6443 },
});
const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
await server.bootstrap();
const client = await pki.issueClientCertificate({ commonName: 'model', organizations: ['system:masters'] });
writeSync(1, `${JSON.stringify({ port, ca: pki.caCertificatePem, ...client })}\n`);
process.once('SIGTERM', async () => {
  await server.close();
  await store.close();
  process.exit(0);
});
