import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLog, systemClock } from '../../base/index.ts';
import { builtinResources, parseQuantity } from '../../kube/index.ts';
import { TestServer } from '../api-server.test-support.ts';
import { ResourceCatalog } from '../registry/catalog.ts';
import { ObjectStorage } from '../storage/object-storage.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { CachedStoredObjects } from './stored-objects.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

/** The ledger of one more server on the store. */
function ledger(): QuotaLedger {
  const storage = new ObjectStorage(server.store);
  const catalog = new ResourceCatalog(builtinResources);
  const objects = new CachedStoredObjects(storage, catalog);
  return new QuotaLedger({ storage, catalog, objects, clock: systemClock, log: silentLog, isShared: true });
}

test("a count on one server keeps another server's charge whose object is not stored yet", async () => {
  const quotas = '/api/v1/namespaces/default/resourcequotas';
  const spec = { hard: { 'count/secrets': '5' } };
  await server.post(quotas, { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'q' }, spec });
  const address = { workspace: 'root', namespace: 'default', name: 'q' };
  const used = async () => (await server.get(`${quotas}/q`)).body.status.used['count/secrets'];
  const [one, two] = [ledger(), ledger()];
  /** What stands in line behind a count is done after it. */
  const count = async () => {
    two.recount(address);
    await two.charge(address, () => undefined);
  };
  const end = await one.charge(address, () => ({ 'count/secrets': parseQuantity(2) }));
  expect(await used()).toBe('2');
  await count();
  expect(await used()).toBe('2');
  await end!();
  await count();
  expect(await used()).toBe('0');
});
