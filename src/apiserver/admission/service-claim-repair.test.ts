import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManualClock, silentLog } from '../../base/index.ts';
import { builtinResources } from '../../kube/index.ts';
import { TestServer } from '../api-server.test-support.ts';
import { ResourceCatalog } from '../registry/catalog.ts';
import { ObjectStorage } from '../storage/object-storage.ts';
import { repairServiceClaims } from './service-claim-repair.ts';
import { ServiceClaims } from './service-claims.ts';
import { CachedStoredObjects } from './stored-objects.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

test('claims of a server that died go after a while; those that a Service lacks are made', async () => {
  const storage = new ObjectStorage(server.store);
  const catalog = new ResourceCatalog(builtinResources);
  const objects = new CachedStoredObjects(storage, catalog);
  const clock = new ManualClock(Date.now());
  const parts = { storage, catalog, objects, clock, log: silentLog };
  const claims = new ServiceClaims(parts);
  const held = async () => ({
    addresses: (await claims.addresses()).map(({ what }) => what),
    ports: (await claims.ports()).map(({ what }) => what),
  });
  const spec = { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }], clusterIP: '10.43.0.5' };
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec };
  await server.post('/api/v1/namespaces/default/services', service);
  const owner = { namespace: 'default', name: 's' };
  const gone = { namespace: 'default', name: 'never-written' };
  await claims.takeAddress('10.43.0.6', gone);
  await claims.takePort(30002, gone);
  // As if the store came from a version without claims.
  await claims.releaseAddress('10.43.0.5', owner);
  await claims.releasePort(30001, owner);

  await repairServiceClaims(parts);
  expect(await held()).toEqual({
    addresses: ['10.43.0.1', '10.43.0.5', '10.43.0.6'],
    ports: ['30001', '30002'],
  });
  await clock.advance(3 * 60 * 1000);
  await repairServiceClaims(parts);
  expect(await held()).toEqual({ addresses: ['10.43.0.1', '10.43.0.5'], ports: ['30001'] });
  expect(await claims.takePort(30001, gone)).toBe(false);
});
