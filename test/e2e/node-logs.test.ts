import { open, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseLogOptions } from '../../src/node/server/logs/log-options.ts';
import { readLog } from '../../src/node/server/logs/log-reader.ts';
import { whyNotHere } from './engine-fixture.ts';
import { type NodeFixture, shell, startNodeFixture } from './node-fixture.ts';

const missing = await whyNotHere();

describe.skipIf(missing !== '')(`logs${missing && ` (skipped: ${missing})`}`, () => {
  let cloud: NodeFixture;
  beforeAll(async () => {
    cloud = await startNodeFixture();
  });
  afterAll(async () => {
    await cloud.dispose();
  });

  test('over ten mebibytes a log is rotated, and whoever follows it misses nothing', async () => {
    const wide = 'x'.repeat(200);
    const script = `i=0; while [ $i -lt 60000 ]; do echo $i ${wide}; i=$((i+1)); done
      while [ ! -e /more ]; do sleep 0.05; done
      echo after; while :; do sleep 1; done`;
    await cloud.run('loud', { containers: [shell('a', script)] });
    await cloud.untilReady('loud');
    const { logPath } = cloud.node.pods.find('default', 'loud')!.containers[0]!;
    await using file = await open(logPath!, 'r');
    const stop = new AbortController();
    const options = parseLogOptions(new URLSearchParams({ follow: 'true' }), Date.now());
    let next = 0;
    let rest = '';
    const following = (async () => {
      const source = { path: logPath!, file, ended: new Promise<void>(() => undefined) };
      for await (const { data } of readLog(source, options, stop.signal)) {
        const lines = (rest + data.toString()).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          if (line === 'after') return;
          expect(line).toBe(`${next++} ${wide}`);
        }
      }
    })();
    const files = () => readdir(dirname(logPath!));
    await expect.poll(files, { timeout: 25_000 }).toHaveLength(2);
    await cloud.exec('loud', 'touch /more');
    await following;
    stop.abort();
    expect(next).toBe(60_000);
    expect((await files()).sort()).toEqual(['0.log', expect.stringMatching(/^0\.log\.\d{8}-\d{6}\.\d{3}$/)]);
    await cloud.remove('loud', 0);
    await cloud.untilGone('loud');
  });
});
