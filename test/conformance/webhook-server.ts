import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makeAuthority, makeCertificate } from '../../src/apiserver/pki/certificates.ts';

// biome-ignore lint/suspicious/noExplicitAny: reviews are looked at as the JSON they are.
type Json = any;

/** A real webhook: HTTPS on loopback, with a certificate of an authority of its own. */
export class WebhookServer {
  readonly port: number;
  /** Base64, as configurations have it. */
  readonly caBundle: string;
  /** What was asked, with the path it was asked at. */
  reviews: Json[] = [];
  /** What is answered to a review, by path; a path that is not here is never answered. */
  answers: Record<string, (request: Json) => Json> = {};
  readonly #server: Server;

  private constructor(server: Server, caBundle: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.caBundle = caBundle;
  }

  static async start(hosts: readonly string[]): Promise<WebhookServer> {
    const authority = await makeAuthority('webhook-ca', Date.now(), 1);
    const usages: ('client' | 'server')[] = ['server'];
    const request = { commonName: 'webhook', hosts: ['127.0.0.1', ...hosts], usages, validDays: 1 };
    const { key, certificate } = await makeCertificate(authority, request, Date.now());
    const started: { webhook?: WebhookServer } = {};
    const server = createServer({ key, cert: certificate }, async (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const { reviews, answers } = started.webhook!;
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Json;
      reviews.push({ path: incoming.url, ...review });
      const answer = answers[incoming.url!.split('?')[0]!];
      if (answer === undefined) return;
      const response = { uid: review.request.uid, ...answer(review.request) };
      outgoing.writeHead(200, { 'content-type': 'application/json' });
      outgoing.end(JSON.stringify({ kind: review.kind, apiVersion: review.apiVersion, response }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    started.webhook = new WebhookServer(server, Buffer.from(authority.certificate).toString('base64'));
    return started.webhook;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export const patchOf = (...operations: Json[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
