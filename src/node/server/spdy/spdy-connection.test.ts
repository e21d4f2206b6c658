import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLog } from '../../../base/index.ts';
import { headerDictionary } from './dictionary.ts';
import { controlFrame, dataFrameHeader, type Frame, FrameReader, synStreamFrame } from './frames.ts';
import { encodeHeaders, HeaderCompressor, HeaderDecompressor } from './header-block.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

const headers = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([name, value]) => [name, [value]]));

function connect(accept: (stream: SpdyStream) => void = () => undefined) {
  const [near, far] = duplexPair();
  const client = new SpdyConnection(near, { role: 'client', accept: () => undefined, log: silentLog });
  const server = new SpdyConnection(far, { role: 'server', accept, log: silentLog });
  return { client, server, near, far };
}

/** The server alone; what it answers is collected as frames. */
function serveRaw(accept: (stream: SpdyStream) => void = () => undefined) {
  const [near, far] = duplexPair();
  const server = new SpdyConnection(far, { role: 'server', accept, log: silentLog });
  const reader = new FrameReader();
  const frames: Frame[] = [];
  near.on('data', (chunk) => frames.push(...reader.read(chunk)));
  return { near, server, frames };
}

const syn = (id: number, compressor = new HeaderCompressor()) =>
  synStreamFrame(id, compressor.compress(headers({ streamtype: 'stdin' })));

test('the dictionary is the one of the specification', () => {
  expect(headerDictionary().length).toBe(1423);
  expect(
    deflateSync(Buffer.alloc(0), { dictionary: headerDictionary() }).subarray(2, 6).toString('hex'),
  ).toBe('e3c6a7c2');
});

test('header blocks of one direction survive packing and unpacking in order', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.dictionary(
          fc.stringMatching(/^[a-z-]{1,20}$/),
          fc.string({ maxLength: 3000 }).filter((v) => !v.includes('\0')),
        ),
        { maxLength: 20 },
      ),
      (blocks) => {
        const compressor = new HeaderCompressor();
        const decompressor = new HeaderDecompressor();
        for (const block of blocks) {
          const sent = headers(block);
          expect(decompressor.decompress(compressor.compress(sent))).toEqual(sent);
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('a streaming zlib context elsewhere reads our blocks, and we read its', async () => {
  const { createDeflate, createInflate, constants } = await import('node:zlib');
  const dictionary = headerDictionary();
  const inflate = createInflate({ dictionary });
  const compressor = new HeaderCompressor();
  const sent = [headers({ streamtype: 'error' }), headers({ streamtype: 'stdout', port: '80' })];
  for (const block of sent) inflate.write(compressor.compress(block));
  await once(inflate, 'readable');
  await new Promise<void>((resolve) => inflate.flush(() => resolve()));
  expect(Buffer.from(inflate.read() as Buffer)).toEqual(Buffer.concat(sent.map(encodeHeaders)));

  const deflate = createDeflate({ dictionary });
  const decompressor = new HeaderDecompressor();
  for (const block of sent) {
    deflate.write(encodeHeaders(block));
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    expect(decompressor.decompress(deflate.read() as Buffer)).toEqual(block);
  }
});

test('carries both directions of a stream, with half-close', async () => {
  const { client } = connect((stream) => {
    expect(stream.header('streamtype')).toBe('data');
    stream.pipe(stream);
  });
  const stream = client.open(headers({ streamType: 'data' }));
  const bytes = Buffer.alloc(3_000_000, 'orrery ');
  const echoed = buffer(stream);
  stream.end(bytes);
  expect((await echoed).equals(bytes)).toBe(true);
});

test('answers a ping of the peer with the same id', async () => {
  const { near, frames } = serveRaw();
  near.write(controlFrame('PING', 0, 7));
  await expect.poll(() => frames).toEqual([{ type: 'PING', id: 7 }]);
});

test('replies to a stream before it sends data on it', async () => {
  const { near, frames } = serveRaw((stream) => stream.end('now'));
  near.write(syn(1));
  await expect.poll(() => frames.map((frame) => frame.type)).toEqual(['SYN_REPLY', 'DATA', 'DATA']);
});

test('refuses with RST_STREAM a stream that its owner does not take', async () => {
  const { near, frames } = serveRaw(() => {
    throw new Error('no port');
  });
  near.write(syn(1));
  await expect.poll(() => frames).toEqual([{ type: 'RST_STREAM', streamId: 1, status: 3 }]);
});

test('a reader that does not keep up holds back a peer that ignores windows, and no byte is lost', async () => {
  let held: SpdyStream | undefined;
  const [near, far] = duplexPair();
  new SpdyConnection(far, {
    role: 'server',
    log: silentLog,
    accept: (stream) => {
      held = stream;
    },
  });
  near.resume();
  near.write(syn(1));
  const total = 100 * 50_000;
  const frame = Buffer.concat([dataFrameHeader(1, 50_000, false), Buffer.alloc(50_000)]);
  for (let sent = 0; sent < 100; sent++) near.write(frame);
  near.write(dataFrameHeader(1, 0, true));
  await expect.poll(() => far.isPaused()).toBe(true);
  expect(held!.readableLength).toBeLessThan(600_000);
  expect((await buffer(held!)).length).toBe(total);
});

test('opens the windows of a peer that counts, and keeps to its', async () => {
  const { near, frames } = serveRaw((stream) => {
    stream.resume();
    stream.write(Buffer.alloc(100_000));
  });
  near.write(controlFrame('SETTINGS', 0, 1, 7, 40_000));
  near.write(syn(1));
  const sent = () => frames.reduce((sum, frame) => sum + (frame.type === 'DATA' ? frame.data.length : 0), 0);
  await expect.poll(sent).toBe(40_000);
  near.write(controlFrame('WINDOW_UPDATE', 0, 1, 60_000));
  await expect.poll(sent).toBe(100_000);
  near.write(Buffer.concat([dataFrameHeader(1, 40_000, false), Buffer.alloc(40_000)]));
  await expect
    .poll(() => frames.filter((frame) => frame.type === 'WINDOW_UPDATE'))
    .toEqual([
      { type: 'WINDOW_UPDATE', streamId: 0, delta: 40_000 },
      { type: 'WINDOW_UPDATE', streamId: 1, delta: 40_000 },
    ]);
});

test('a lost transport closes every stream and the connection', async () => {
  const { client, server, near } = connect((stream) => stream.resume());
  const stream = client.open(headers({}));
  await expect.poll(() => server.streamCount).toBe(1);
  near.destroy(new Error('cut'));
  await Promise.all([client.closed, server.closed, once(stream, 'close')]);
  expect(server.streamCount).toBe(0);
});

test('a reset of the peer closes the stream without an end', async () => {
  let taken: SpdyStream | undefined;
  const { client } = connect((stream) => {
    taken = stream.resume();
  });
  const stream = client.open(headers({}));
  await expect.poll(() => taken).toBeDefined();
  stream.destroy();
  await once(taken!, 'close');
  expect(taken!.readableEnded).toBe(false);
});

test('data for streams that never were is refused, for closed ones dropped', async () => {
  const { near, frames } = serveRaw((stream) => stream.destroy());
  near.write(syn(1));
  near.write(Buffer.concat([dataFrameHeader(1, 1, false), Buffer.from('x')]));
  near.write(Buffer.concat([dataFrameHeader(9, 1, false), Buffer.from('x')]));
  await expect
    .poll(() => frames.filter((frame) => frame.type === 'RST_STREAM'))
    .toEqual([
      { type: 'RST_STREAM', streamId: 1, status: 5 },
      { type: 'RST_STREAM', streamId: 9, status: 2 },
    ]);
});

test.each([
  ['another version', Buffer.from('800200060000000400000001', 'hex')],
  ['a control frame over the limit', Buffer.from('8003000100ffffff', 'hex')],
  ['a SYN_STREAM cut short', Buffer.from('800300010000000400000001', 'hex')],
  ['an even stream id', syn(2)],
  ['a header block that is not zlib', synStreamFrame(1, Buffer.from('nonsense'))],
  ['data for stream 0', dataFrameHeader(0, 0, false)],
  [
    'a header block that is a bomb',
    synStreamFrame(1, deflateSync(Buffer.alloc(10_000_000), { dictionary: headerDictionary() })),
  ],
])('%s ends the connection with GOAWAY', async (_name, bytes) => {
  const { near, server, frames } = serveRaw();
  near.write(bytes);
  await server.closed;
  expect(frames.at(-1)).toMatchObject({ type: 'GOAWAY', status: 1 });
});

test('no sequence of malformed frames does more than end the connection', async () => {
  const compressor = new HeaderCompressor();
  const frame = fc.oneof(
    fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(12), fc.nat(255), fc.uint8Array({ maxLength: 40 })).map(([type, flags, body]) => {
      const header = Buffer.alloc(8);
      header.writeUInt32BE(0x80030000 + type, 0);
      header.writeUInt32BE(((flags << 24) | body.length) >>> 0, 4);
      return Buffer.concat([header, body]);
    }),
    fc.integer({ min: 1, max: 9 }).map((id) => syn(id, compressor)),
    fc
      .tuple(fc.nat(9), fc.uint8Array({ maxLength: 100 }), fc.boolean())
      .map(([id, data, fin]) => Buffer.concat([dataFrameHeader(id, data.length, fin), data])),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(frame, { maxLength: 30 }),
      fc.integer({ min: 1, max: 200 }),
      async (sent, size) => {
        const [near, far] = duplexPair();
        const server = new SpdyConnection(far, {
          role: 'server',
          log: silentLog,
          accept: (stream) => stream.pipe(stream),
        });
        near.resume();
        const bytes = Buffer.concat(sent);
        for (let offset = 0; offset < bytes.length && near.writable; offset += size)
          near.write(bytes.subarray(offset, offset + size));
        near.end();
        await server.closed;
        expect(server.streamCount).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

test('text of many small writes arrives in order', async () => {
  const { client } = connect((stream) => stream.pipe(stream));
  const stream = client.open(headers({}));
  const echoed = text(stream);
  for (let number = 0; number < 2000; number++) stream.write(`${number},`);
  stream.end();
  expect(await echoed).toBe(Array.from({ length: 2000 }, (_, number) => `${number},`).join(''));
});
