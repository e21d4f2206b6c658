import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap, TestServer } from './api-server.test-support.ts';

/** More than two of the pages a list is read in. */
const COUNT = 1200;
const SECRETS = '/api/v1/namespaces/default/secrets';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  const half = (n: number) => (n < COUNT - 1 ? 'first' : 'last');
  await Promise.all(
    Array.from({ length: COUNT }, (_, n) =>
      server.post(SECRETS, {
        ...configMap(name(n), { metadata: { labels: { half: half(n) } } }),
        kind: 'Secret',
        data: {},
      }),
    ),
  );
});

afterAll(() => server.stop());

const name = (n: number) => `s-${String(n).padStart(4, '0')}`;

async function whole(body: AsyncIterable<Uint8Array>) {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { chunks: chunks.length, ...JSON.parse(Buffer.concat(chunks).toString()) };
}

test('a long list comes in chunks, as of the revision it began at', async () => {
  const { status, body } = await server.get(SECRETS);
  await server.post(SECRETS, { ...configMap('s-0600a'), kind: 'Secret', data: {} });
  await server.delete(`${SECRETS}/${name(900)}`);
  const list = await whole(body);
  expect(status).toBe(200);
  expect(list.chunks).toBeGreaterThan(2);
  expect(list.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(
    Array.from({ length: COUNT }, (_, n) => name(n)),
  );
  expect(Number(list.metadata.resourceVersion)).toBeLessThan(server.store.revision());
  await server.delete(`${SECRETS}/s-0600a`);
});

test('a long list of which only the last object matches is well-formed', async () => {
  const { body } = await server.get(`${SECRETS}?labelSelector=half%3Dlast`);
  const { items } = await whole(body);
  expect(items).toHaveLength(1);
  expect(items[0].metadata.name).toBe(name(COUNT - 1));
});

test('a page is well-formed, of neighbours in memory and of objects that are not', async () => {
  const page = await server.get(`${SECRETS}?limit=500`);
  expect(page.body.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(
    Array.from({ length: 500 }, (_, n) => name(n)),
  );
  const some = await server.get(`${SECRETS}?limit=500&labelSelector=half!%3Dlast`);
  expect(some.body.items).toEqual(page.body.items);
});

test('a long list as a Table has every row', async () => {
  const accept = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const { body } = await server.send('GET', SECRETS, undefined, { headers: { accept } });
  expect(body.rows).toHaveLength(COUNT - 1);
});

test('a long list whose history is compacted while it is read breaks off', async () => {
  const { body } = await server.get(SECRETS);
  await server.patch(`${SECRETS}/${name(1000)}`, { data: { a: 'YQ==' } });
  await server.patch(`${SECRETS}/${name(1000)}`, { data: { a: 'Yg==' } });
  await server.store.compact(server.store.revision());
  await expect(whole(body)).rejects.toMatchObject({ code: 'Gone' });
});

test('a watch of a long list begins with every object', async () => {
  const events = await server.events(`${SECRETS}?watch=true`, COUNT - 1);
  const names = events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  expect(names).toEqual(
    Array.from({ length: COUNT }, (_, n) => `ADDED ${name(n)}`).filter((line) => !line.endsWith('0900')),
  );
});

test('all of a long list can be deleted at once', async () => {
  await server.delete(SECRETS);
  expect((await server.get(SECRETS)).body.items).toEqual([]);
});
