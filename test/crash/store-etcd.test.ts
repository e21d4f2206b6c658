import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import type { Store } from '../../src/store/index.ts';
import { type EtcdCluster, startEtcd } from '../harness/etcd.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';
import { Ledger, openAt } from './etcd-ledger.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function cluster(size: number): Promise<EtcdCluster> {
  const etcd = await startEtcd({ size });
  cleanups.push(() => etcd.stop());
  return etcd;
}

async function proxyTo(endpoint: string): Promise<TcpProxy> {
  const proxy = await TcpProxy.to(endpoint);
  cleanups.push(() => proxy.close());
  return proxy;
}

async function open(url: string): Promise<Store> {
  const store = await openAt(url, '/crash');
  cleanups.push(() => store.close());
  return store;
}

/** Waits until writes are acknowledged again. */
async function acknowledgedMore(ledger: Ledger, count = 50): Promise<void> {
  const goal = ledger.acknowledged + count;
  await expect.poll(() => ledger.acknowledged, { timeout: 30_000, interval: 20 }).toBeGreaterThan(goal);
}

async function seenMore(ledger: Ledger): Promise<void> {
  const goal = ledger.seen.length + 50;
  await expect.poll(() => ledger.seen.length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(goal);
}

test('torn connections lose no acknowledged write and no event, and refuse nothing that happened', async () => {
  const etcd = await cluster(1);
  const proxy = await proxyTo(etcd.endpoints[0]!);
  const ledger = new Ledger(await open(`etcd://${proxy.endpoint}`));
  for (let round = 0; round < 12; round++) {
    await acknowledgedMore(ledger);
    if (round % 2 === 0) proxy.cut();
    else {
      proxy.cutAtAnswer(true);
      await sleep(100);
      proxy.cutAtAnswer(false);
    }
  }
  await acknowledgedMore(ledger);
  await ledger.settle(await open(etcd.url));
});

test('an etcd that is killed and comes back loses no acknowledged write and no event', async () => {
  const etcd = await cluster(1);
  const ledger = new Ledger(await open(etcd.url));
  for (let round = 0; round < 3; round++) {
    await acknowledgedMore(ledger);
    await etcd.members[0]!.kill();
    await etcd.members[0]!.restart();
  }
  await acknowledgedMore(ledger);
  await ledger.settle(await open(etcd.url));
});

test('of three members any one may die: writes and watches go on', async () => {
  const etcd = await cluster(3);
  const ledger = new Ledger(await open(etcd.url));
  for (const member of etcd.members) {
    await acknowledgedMore(ledger);
    await member.kill();
    await acknowledgedMore(ledger);
    await member.restart();
  }
  await acknowledgedMore(ledger);
  await ledger.settle(await open(etcd.url));
});

test('a member that holds its connections and answers nothing is left for another', async () => {
  const etcd = await cluster(3);
  const proxies = await Promise.all(etcd.endpoints.map(proxyTo));
  const ledger = new Ledger(await open(`etcd://${proxies.map(({ endpoint }) => endpoint).join(',')}`));
  await acknowledgedMore(ledger);
  proxies[0]!.stall(true);
  await acknowledgedMore(ledger);
  await seenMore(ledger);
  proxies[0]!.stall(false);
  etcd.members[1]!.freeze();
  await acknowledgedMore(ledger);
  await seenMore(ledger);
  etcd.members[1]!.thaw();
  await ledger.settle(await open(etcd.url));
});
