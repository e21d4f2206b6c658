import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CONFIG_MAPS, configMap, TestServer } from './api-server.test-support.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start();
  for (let n = 0; n < 10; n++)
    await server.post(CONFIG_MAPS, configMap(`cm-${n}`, { metadata: { labels: { odd: String(n % 2) } } }));
});

afterAll(() => server.stop());

const names = (items: { metadata: { name: string } }[]) => items.map(({ metadata }) => metadata.name);
const seen = (events: { type: string; object: { metadata: { name?: string } } }[]) =>
  events.map(({ type, object }) => `${type} ${object.metadata.name ?? ''}`.trim());

describe('lists', () => {
  test('pages are of one revision, whatever is written between them', async () => {
    const first = await server.get(`${CONFIG_MAPS}?limit=4`);
    expect(first.body.metadata).toMatchObject({ remainingItemCount: 6, continue: expect.any(String) });
    await server.post(CONFIG_MAPS, configMap('cm-45'));
    const second = await server.get(`${CONFIG_MAPS}?limit=4&continue=${first.body.metadata.continue}`);
    expect(names(second.body.items)).toEqual(['cm-4', 'cm-5', 'cm-6', 'cm-7']);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const third = await server.get(`${CONFIG_MAPS}?limit=4&continue=${second.body.metadata.continue}`);
    expect(names(third.body.items)).toEqual(['cm-8', 'cm-9']);
    expect(third.body.metadata.continue).toBeUndefined();
    await server.delete(`${CONFIG_MAPS}/cm-45`);
  });

  test('pages of a selection neither miss nor repeat', async () => {
    const found: string[] = [];
    let next = '';
    do {
      const { body } = await server.get(`${CONFIG_MAPS}?limit=2&labelSelector=odd%3D1&continue=${next}`);
      found.push(...names(body.items));
      next = body.metadata.continue ?? '';
    } while (next !== '');
    expect(found).toEqual(['cm-1', 'cm-3', 'cm-5', 'cm-7', 'cm-9']);
  });

  test('a compacted page is 410 with a token to go on from', async () => {
    const { body } = await server.get(`${CONFIG_MAPS}?limit=4`);
    await server.patch(`${CONFIG_MAPS}/cm-0`, { data: { x: 'y' } });
    await server.patch(`${CONFIG_MAPS}/cm-0`, { data: { x: 'z' } });
    await server.store.compact(server.store.revision());
    const late = await server.get(`${CONFIG_MAPS}?limit=4&continue=${body.metadata.continue}`);
    expect(late).toMatchObject({
      status: 410,
      body: { reason: 'Expired', metadata: { continue: expect.any(String) } },
    });
    const onward = await server.get(`${CONFIG_MAPS}?limit=4&continue=${late.body.metadata.continue}`);
    expect(names(onward.body.items)).toEqual(['cm-4', 'cm-5', 'cm-6', 'cm-7']);
  });

  test('resourceVersion: zero is any, exact is that one, the future is 504', async () => {
    const now = server.store.revision();
    expect((await server.get(`${CONFIG_MAPS}?resourceVersion=0`)).status).toBe(200);
    await server.post(CONFIG_MAPS, configMap('later'));
    const exact = await server.get(`${CONFIG_MAPS}?resourceVersion=${now}&resourceVersionMatch=Exact`);
    expect(names(exact.body.items)).not.toContain('later');
    await server.delete(`${CONFIG_MAPS}/later`);
    expect(
      await server.get(`${CONFIG_MAPS}?resourceVersion=${now + 1000}&resourceVersionMatch=NotOlderThan`),
    ).toMatchObject({
      status: 504,
      body: {
        message: expect.stringContaining('Too large resource version'),
        details: { causes: [{ reason: 'ResourceVersionTooLarge' }] },
      },
    });
    expect((await server.get(`${CONFIG_MAPS}?resourceVersionMatch=Exact`)).status).toBe(422);
  });

  test('across workspaces each object says where it lives, and is not stored so', async () => {
    const { body } = await server.get('/clusters/*/api/v1/configmaps?fieldSelector=metadata.name%3Dcm-1');
    expect(body.items[0].metadata.annotations).toEqual({ 'kcp.io/cluster': 'root' });
    expect((await server.get(`${CONFIG_MAPS}/cm-1`)).body.metadata.annotations).toBeUndefined();
    expect((await server.get('/clusters/root/api/v1/namespaces/default/configmaps/cm-1')).status).toBe(200);
    expect(
      (await server.post('/clusters/*/api/v1/namespaces/default/configmaps', configMap('x'))).status,
    ).toBe(405);
  });

  test('as a table, as metadata, as YAML', async () => {
    const as = (accept: string) =>
      server.send('GET', `${CONFIG_MAPS}?limit=1`, undefined, { headers: { accept } });
    const table = await as('application/json;as=Table;v=v1;g=meta.k8s.io');
    expect(table.body).toMatchObject({ kind: 'Table', rows: [{ cells: expect.arrayContaining(['cm-0']) }] });
    const partial = await as('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io');
    expect(partial.body.items[0]).toMatchObject({
      kind: 'PartialObjectMetadata',
      metadata: { name: 'cm-0' },
    });
    expect(partial.body.items[0].data).toBeUndefined();
    expect((await as('application/yaml')).body).toContain('kind: ConfigMapList');
  });
});

describe('watches', () => {
  test('deliver what happens after a revision, in order', async () => {
    const from = server.store.revision();
    await server.post(CONFIG_MAPS, configMap('w'));
    await server.patch(`${CONFIG_MAPS}/w`, { data: { x: '1' } });
    await server.delete(`${CONFIG_MAPS}/w`);
    const events = await server.events(`${CONFIG_MAPS}?watch=1&resourceVersion=${from}`, 3);
    expect(seen(events)).toEqual(['ADDED w', 'MODIFIED w', 'DELETED w']);
    expect(Number(events[2].object.metadata.resourceVersion)).toBe(server.store.revision());
  });

  test('an object that leaves the selection is deleted, with its old state, and added when it comes back', async () => {
    const from = server.store.revision();
    const relabel = (odd: string) => server.patch(`${CONFIG_MAPS}/cm-1`, { metadata: { labels: { odd } } });
    const events = await server.events(
      `${CONFIG_MAPS}?watch=1&resourceVersion=${from}&labelSelector=odd%3D1`,
      3,
      async () => {
        await relabel('2');
        await relabel('3');
        await relabel('1');
        await server.patch(`${CONFIG_MAPS}/cm-1`, { data: { touched: 'yes' } });
      },
    );
    expect(seen(events)).toEqual(['DELETED cm-1', 'ADDED cm-1', 'MODIFIED cm-1']);
    expect(events[0].object.metadata).toMatchObject({
      labels: { odd: '1' },
      resourceVersion: String(from + 1),
    });
  });

  test('one name is only that name', async () => {
    const from = server.store.revision();
    const events = await server.events(
      `${CONFIG_MAPS}?watch=1&resourceVersion=${from}&fieldSelector=metadata.name%3Dcm-2`,
      1,
      async () => {
        await server.post(CONFIG_MAPS, configMap('cm-22'));
        await server.patch(`${CONFIG_MAPS}/cm-2`, { data: { touched: 'yes' } });
        await server.delete(`${CONFIG_MAPS}/cm-22`);
      },
    );
    expect(seen(events)).toEqual(['MODIFIED cm-2']);
  });

  test('without a revision it begins with what is there; streaming lists end that part with a bookmark', async () => {
    expect(
      seen(await server.events(`${CONFIG_MAPS}?watch=1`, 10)).every((event) => event.startsWith('ADDED')),
    ).toBe(true);
    const events = await server.events(
      `${CONFIG_MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
      11,
    );
    expect(events[10]).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        metadata: {
          resourceVersion: String(server.store.revision()),
          annotations: { 'k8s.io/initial-events-end': 'true' },
        },
      },
    });
  });

  test('a revision that was compacted is an error event of 410', async () => {
    await server.patch(`${CONFIG_MAPS}/cm-3`, { data: { x: 'y' } });
    await server.store.compact(server.store.revision());
    const [event] = await server.events(`${CONFIG_MAPS}?watch=1&resourceVersion=2`, 1);
    expect(event).toMatchObject({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } });
  });

  test('ends by itself after timeoutSeconds', async () => {
    const { body } = await server.get(
      `${CONFIG_MAPS}?watch=1&resourceVersion=${server.store.revision()}&timeoutSeconds=1`,
    );
    const chunks = [];
    for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
    expect(chunks).toEqual([]);
  });

  test('as a table the columns come once', async () => {
    const ending = new AbortController();
    const { body } = await server.send('GET', `${CONFIG_MAPS}?watch=1`, undefined, {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
      signal: ending.signal,
    });
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      const [first, second] = Buffer.from(chunk)
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(first.object.columnDefinitions.length).toBeGreaterThan(1);
      expect(second.object).toMatchObject({ kind: 'Table', columnDefinitions: null, rows: [{}] });
      break;
    }
    ending.abort();
  });
});
