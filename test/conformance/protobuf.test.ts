import { request as httpsRequest } from 'node:https';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeProtobufObject } from '../../src/apiserver/encoding/protobuf-encoder.ts';
import { decodeProtobufObject } from '../../src/apiserver/encoding/protobuf-object.ts';
import { readFields } from '../../src/apiserver/encoding/protobuf-reader.ts';
import { type RunningServer, startServer } from './running-server.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
/** What typed clients of client-go and controller-runtime send. */
const PREFERRED = `${PROTOBUF},application/json`;
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

let running: RunningServer;
let identity: { cert: string; key: string };

beforeAll(async () => {
  running = await startServer();
  const { certificate, key } = await running.pki.issueClientCertificate({
    commonName: 'a',
    organizations: ['system:masters'],
  });
  identity = { cert: certificate, key };
});

afterAll(async () => {
  await running?.stop();
});

interface Answer {
  status: number;
  type: string | undefined;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** `until` ends a watch when enough of it has come. */
function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  options: { body?: Uint8Array; until?: (body: Buffer) => boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        host: '127.0.0.1',
        port: running.port,
        ca: running.pki.caCertificatePem,
        agent: false,
        ...identity,
        method,
        path,
        headers,
      },
      (response) => {
        let body: Buffer = Buffer.alloc(0);
        const done = () =>
          resolve({
            status: response.statusCode!,
            type: response.headers['content-type'],
            headers: response.headers,
            body,
          });
        response.on('data', (chunk: Buffer) => {
          body = Buffer.concat([body, chunk]);
          if (options.until?.(body) !== true) return;
          done();
          request.destroy();
        });
        response.on('end', done);
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

function frames(body: Buffer): { type: string; object: Record<string, unknown> }[] {
  const found: { type: string; object: Record<string, unknown> }[] = [];
  for (let at = 0; at + 4 <= body.length && at + 4 + body.readUInt32BE(at) <= body.length; ) {
    const end = at + 4 + body.readUInt32BE(at);
    const [type, raw] = [...readFields(body.subarray(at + 4, end))].map(({ value }) => value as Uint8Array);
    const [object] = [...readFields(raw!)].map(({ value }) => value as Uint8Array);
    found.push({ type: Buffer.from(type!).toString(), object: decodeProtobufObject(object!) });
    at = end;
  }
  return found;
}

test('an object is sent, answered, listed and watched in protobuf', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one' }, data: { a: 'b' } };
  const watching = send(
    'GET',
    `${CONFIG_MAPS}?watch=1`,
    { accept: PREFERRED },
    {
      until: (body) =>
        frames(body).some(({ object: { metadata } }) => (metadata as { name: string }).name === 'one'),
    },
  );
  const created = await send(
    'POST',
    CONFIG_MAPS,
    { accept: PREFERRED, 'content-type': PROTOBUF },
    {
      body: encodeProtobufObject('core/v1.ConfigMap', object),
    },
  );
  expect([created.status, created.type]).toEqual([201, PROTOBUF]);
  expect(decodeProtobufObject(created.body)).toMatchObject(object);
  const list = await send('GET', CONFIG_MAPS, { accept: PREFERRED });
  expect(decodeProtobufObject(list.body)).toMatchObject({
    kind: 'ConfigMapList',
    metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
    items: expect.arrayContaining([expect.objectContaining({ data: { a: 'b' } })]),
  });
  const watched = await watching;
  expect(watched.type).toBe(`${PROTOBUF};stream=watch`);
  expect(frames(watched.body).at(-1)).toMatchObject({ type: 'ADDED', object });
});

test('metadata only, in protobuf', async () => {
  const kind = (as: string) => `${PROTOBUF};as=${as};g=meta.k8s.io;v=v1`;
  const { type, body } = await send('GET', '/api/v1/namespaces', {
    accept: kind('PartialObjectMetadataList'),
  });
  expect(type).toBe(PROTOBUF);
  expect(decodeProtobufObject(body)).toMatchObject({
    apiVersion: 'meta.k8s.io/v1',
    kind: 'PartialObjectMetadataList',
    items: expect.arrayContaining([
      expect.objectContaining({ metadata: expect.objectContaining({ name: 'default' }) }),
    ]),
  });
});

test('an error is a Status in protobuf', async () => {
  const { status, type, body } = await send('GET', `${CONFIG_MAPS}/nope`, { accept: PREFERRED });
  expect([status, type]).toEqual([404, PROTOBUF]);
  expect(decodeProtobufObject(body)).toMatchObject({
    kind: 'Status',
    reason: 'NotFound',
    code: 404,
    details: { name: 'nope', kind: 'configmaps' },
  });
});

test('a custom resource answers in JSON, and is refused to who takes nothing else', async () => {
  const json = { accept: 'application/json', 'content-type': 'application/json' };
  const crd = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Cluster',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object' } },
          subresources: { status: {} },
        },
      ],
    },
  };
  const made = await send(
    'POST',
    '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
    { ...json, accept: PREFERRED },
    {
      body: Buffer.from(JSON.stringify(crd)),
    },
  );
  expect(decodeProtobufObject(made.body)).toMatchObject({ spec: crd.spec });
  const widgets = '/apis/example.com/v1/widgets';
  expect((await send('GET', widgets, { accept: PREFERRED })).type).toBe('application/json');
  const body = Buffer.from(
    JSON.stringify({ apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' } }),
  );
  const refused = await send('POST', widgets, { ...json, accept: PROTOBUF }, { body });
  expect(refused.status).toBe(406);
  expect(JSON.parse((await send('GET', widgets, json)).body.toString()).items).toEqual([]);
  const only = `${PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`;
  expect(decodeProtobufObject((await send('GET', widgets, { accept: only })).body).kind).toBe(
    'PartialObjectMetadataList',
  );
});

test('a large answer is compressed when the client takes that, and CBOR falls back to JSON', async () => {
  const data = { large: 'x'.repeat(200_000) };
  const body = Buffer.from(
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'large' }, data }),
  );
  await send('POST', CONFIG_MAPS, { 'content-type': 'application/json' }, { body });
  const accept = 'application/cbor,application/json;q=0.9';
  const answer = await send('GET', `${CONFIG_MAPS}/large`, { accept, 'accept-encoding': 'gzip' });
  expect(answer.type).toBe('application/json');
  expect(answer.headers['content-encoding']).toBe('gzip');
  expect(JSON.parse(gunzipSync(answer.body).toString())).toMatchObject({ data });
  const cbor = await send(
    'POST',
    CONFIG_MAPS,
    { 'content-type': 'application/cbor' },
    { body: Buffer.from([0xd9]) },
  );
  expect([cbor.status, cbor.body.toString()]).toEqual([
    415,
    expect.stringContaining('accepted media types include: application/json'),
  ]);
});

test('a person gets it indented', async () => {
  const text = async (path: string, headers = {}) => (await send('GET', path, headers)).body.toString();
  const path = '/api/v1/namespaces/default';
  expect(await text(path)).not.toContain('\n  ');
  expect(await text(`${path}?pretty=true`)).toContain('\n  "metadata"');
  expect(await text(path, { 'user-agent': 'curl/8.5' })).toContain('\n  "metadata"');
  expect(await text(`${path}?pretty=0`, { 'user-agent': 'curl/8.5' })).not.toContain('\n  ');
});
