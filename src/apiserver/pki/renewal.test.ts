import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import { type Clock, silentLog } from '../../base/index.ts';
import { TlsListener } from '../http/listener.ts';
import { textResponse } from '../http/messages.ts';
import { ensurePki } from './pki.ts';
import { readServerCredentials, renewServerCertificate } from './renewal.ts';

/** Real time for the certificates, and days that pass when the test says so, not before they are waited for. */
class Days implements Clock {
  #asleep = Promise.withResolvers<() => void>();

  now(): number {
    return Date.now();
  }

  sleep(_delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#asleep.resolve(resolve);
    });
  }

  async pass(): Promise<void> {
    const wake = await this.#asleep.promise;
    this.#asleep = Promise.withResolvers();
    wake();
  }
}

async function shownSerial(port: number, ca: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', ca });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return socket.getPeerCertificate().serialNumber;
  } finally {
    socket.destroy();
  }
}

test("a server that runs on shows its renewed certificate to who connects next; a day's failure is survived", async () => {
  const directory = await mkdtemp(join(tmpdir(), 'orrery-renewal-'));
  const clock = new Days();
  const pki = await ensurePki(directory, { clock });
  const answer = textResponse(200, 'ok');
  const listener = new TlsListener(
    { ...(await readServerCredentials(pki.paths)), log: silentLog },
    { handle: async () => answer, upgrade: async () => answer, errorResponse: () => answer },
  );
  const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
  const ending = new AbortController();
  let days = 0;
  const used = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<void>();
  const running = renewServerCertificate({
    paths: pki.paths,
    renew: async () => {
      if (++days > 1) return ensurePki(directory, { clock, hosts: ['new.example'] });
      failed.resolve();
      throw new Error('the disk is read-only today');
    },
    use: (credentials) => {
      listener.use(credentials);
      used.resolve();
    },
    clock,
    log: silentLog,
    signal: ending.signal,
  });
  try {
    const first = await shownSerial(port, pki.caCertificatePem);
    await clock.pass();
    await failed.promise;
    expect(await shownSerial(port, pki.caCertificatePem)).toBe(first);
    await clock.pass();
    await used.promise;
    expect(await shownSerial(port, pki.caCertificatePem)).not.toBe(first);
  } finally {
    ending.abort();
    await running;
    await listener.close(0);
    await rm(directory, { recursive: true });
  }
});
