import { afterAll, beforeAll } from 'vitest';
import { silentLog } from '../../src/base/index.ts';
import { type StoreHome, testStoreContract } from '../../src/store/contract.test-suite.ts';
import { openStore, parseStoreUrl } from '../../src/store/index.ts';
import { testStoreModel } from '../../src/store/store-model.test-suite.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';

let etcd: EtcdCluster;
let homes = 0;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd.stop());

/** What etcd takes in one request (--max-request-bytes), with the key and our envelope in it. */
const valueLimitBytes = 1.5 * 2 ** 20 - 1024;

async function makeHome(): Promise<StoreHome> {
  const prefix = `/contract${homes++}`;
  return {
    open: (options) =>
      openStore({ location: parseStoreUrl(etcd.url), etcd: { prefix }, log: silentLog, ...options }),
    remove: async () => undefined,
  };
}

testStoreContract('the etcd store', makeHome, { valueLimitBytes });
testStoreModel('the etcd store', makeHome, { runs: 15, ordered: false });
