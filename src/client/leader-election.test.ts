import { expect, test } from 'vitest';
import { ManualClock, silentLog } from '../base/index.ts';
import { createClient } from './create-client.ts';
import { LeaderElection } from './leader-election.ts';
import type { ApiRequest, ApiResponse } from './transport.ts';

/** One Lease, as far as an election needs it; `hang` from then on gives no answer. */
class OneLease {
  lease: object | undefined;
  isHanging = false;
  requests = 0;
  #revision = 1;

  async request({ method, body }: ApiRequest): Promise<ApiResponse> {
    this.requests++;
    if (this.isHanging) return new Promise(() => undefined);
    if (body !== undefined) {
      const sent = JSON.parse(Buffer.from(body).toString()) as { metadata: object };
      this.lease = { ...sent, metadata: { ...sent.metadata, resourceVersion: String(++this.#revision) } };
    }
    if (this.lease === undefined)
      return answer(404, {
        kind: 'Status',
        status: 'Failure',
        reason: 'NotFound',
        code: 404,
        message: 'none',
      });
    return answer(method === 'POST' ? 201 : 200, this.lease);
  }
}

function answer(status: number, body: object): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

function candidate(transport: OneLease, clock: ManualClock, more: { isSole?: boolean } = {}) {
  const end = new AbortController();
  let leading = 0;
  const election = new LeaderElection({
    client: createClient(transport, { userAgent: 'test' }),
    namespace: 'kube-system',
    name: 'one',
    identity: 'me',
    clock,
    log: silentLog,
    lead: async (signal) => {
      leading++;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      leading--;
    },
    ...more,
  });
  const run = election.run(end.signal);
  return { leading: () => leading, end, run };
}

test('a renewal that gets no answer does not keep the lead past its deadline', async () => {
  const [transport, clock] = [new OneLease(), new ManualClock()];
  const { leading } = candidate(transport, clock);
  await clock.advance(0);
  expect(leading()).toBe(1);
  await clock.advance(4_000);
  transport.isHanging = true;
  await clock.advance(9_000);
  expect(leading()).toBe(1);
  await clock.advance(2_000);
  expect(leading()).toBe(0);
});

test('who can have no rival takes the lease whoever held it, and does not lose it', async () => {
  const [transport, clock] = [new OneLease(), new ManualClock()];
  const spec = {
    holderIdentity: 'one before',
    leaseDurationSeconds: 15,
    renewTime: '2026-01-01T00:00:00.000000Z',
  };
  transport.lease = { metadata: { name: 'one', namespace: 'kube-system', resourceVersion: '1' }, spec };
  const { leading } = candidate(transport, clock, { isSole: true });
  await clock.advance(0);
  expect(leading()).toBe(1);
  expect(transport.lease).toMatchObject({ spec: { holderIdentity: 'me', leaseTransitions: 1 } });
  const before = transport.requests;
  await clock.advance(30_000);
  // A get and an update every ten seconds.
  expect(transport.requests - before).toBe(6);
  transport.isHanging = true;
  await clock.advance(60_000);
  expect(leading()).toBe(1);
});
