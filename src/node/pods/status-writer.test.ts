import { expect, test } from 'vitest';
import { ManualClock, NotFound, silentLog } from '../../base/index.ts';
import { type ApiRequest, createClient, Unreachable } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { StatusWriter } from './status-writer.ts';

const pod = { metadata: { name: 'p', namespace: 'n', uid: 'u' }, spec: {} } as unknown as corev1.Pod;

function statusOf(phase: string, more: Partial<corev1.PodStatus> = {}): corev1.PodStatus {
  return { phase, initContainerStatuses: [], ...more };
}

/** A writer over a wire whose answers the test gives, one by one. */
function setUp() {
  const clock = new ManualClock();
  const sent: { path: string; body: { metadata: object; status: Record<string, unknown> } }[] = [];
  const waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const client = createClient(
    {
      request: async (request: ApiRequest) => {
        sent.push({ path: request.path, body: JSON.parse(Buffer.from(request.body!).toString()) });
        await new Promise<void>((resolve, reject) => waiting.push({ resolve, reject }));
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(pod)) };
      },
    },
    { userAgent: 'test', clock },
  );
  const writer = new StatusWriter({ client, clock, log: silentLog });
  writer.start(new AbortController().signal);
  const answer = async (error?: unknown) => {
    const next = waiting.shift()!;
    if (error === undefined) next.resolve();
    else next.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, writer, sent, answer };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('one write at a time; what comes meanwhile becomes one write of the newest', async () => {
  const { answer, sent, writer } = setUp();
  for (const phase of ['a', 'b', 'c']) {
    writer.write(pod, statusOf(phase));
    await settle();
  }
  expect(sent.map(({ body }) => body.status.phase)).toEqual(['a']);
  await answer();
  expect(sent.map(({ body }) => body.status.phase)).toEqual(['a', 'c']);
  await answer();
  await writer.settled('u');
  expect(sent[0]).toMatchObject({
    path: expect.stringContaining('/pods/p/status'),
    body: { metadata: { uid: 'u' } },
  });
});

test('does not write the same twice, unless somebody changed it', async () => {
  const { answer, sent, writer } = setUp();
  writer.write(pod, statusOf('a'));
  await settle();
  await answer();
  writer.write(pod, statusOf('a'));
  await settle();
  expect(sent).toHaveLength(1);
  writer.write(pod, statusOf('a'), { force: true });
  await settle();
  expect(sent).toHaveLength(2);
});

test('takes away reasons that are over', async () => {
  const { answer, sent, writer } = setUp();
  const unready = { type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'm' };
  writer.write(pod, statusOf('Pending', { reason: 'r', conditions: [unready] }));
  await settle();
  await answer();
  writer.write(pod, statusOf('Running', { conditions: [{ type: 'Ready', status: 'True' }] }));
  await settle();
  expect(sent[1]!.body.status).toMatchObject({
    reason: null,
    conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }],
  });
});

test('tries again until the server answers, with the newest by then', async () => {
  const { answer, clock, sent, writer } = setUp();
  writer.write(pod, statusOf('a'));
  await settle();
  await answer(new Unreachable('gone'));
  writer.write(pod, statusOf('b'));
  await clock.advance(1000);
  await settle();
  expect(sent.map(({ body }) => body.status.phase)).toEqual(['a', 'b']);
});

test('gives up on a pod that is not there any more', async () => {
  const { answer, sent, writer } = setUp();
  writer.write(pod, statusOf('a'));
  await settle();
  await answer(new NotFound('pods "p" not found'));
  await writer.settled('u');
  expect(sent).toHaveLength(1);
});
