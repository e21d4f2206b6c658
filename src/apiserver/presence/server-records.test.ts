import { afterAll, beforeAll, expect, test } from 'vitest';
import { ManualClock } from '../../base/index.ts';
import { TestServer } from '../api-server.test-support.ts';
import { ServerRecords } from './server-records.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

test('a server counts for 15 s after its last sign of life, by the watch of whoever looks', async () => {
  const [one, two] = ['192.0.2.1', '192.0.2.2'].map((address) => ({ address, port: 6443 }));
  const clock = new ManualClock();
  // The other server's clock is wrong by a day.
  const other = new ServerRecords(server.store, two!, new ManualClock(clock.now() - 24 * 3600 * 1000));
  const own = new ServerRecords(server.store, one!, clock);
  await own.renew();
  await other.renew();
  expect(await own.live()).toEqual([one, two]);
  await clock.advance(10_000);
  await own.renew();
  expect(await own.live()).toEqual([one, two]);
  await clock.advance(6_000);
  expect(await own.live()).toEqual([one]);
  await other.renew();
  expect(await own.live()).toEqual([one, two]);
  await other.leave();
  expect(await own.live()).toEqual([one]);
});
