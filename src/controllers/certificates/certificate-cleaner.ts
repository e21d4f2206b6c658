import { X509Certificate } from 'node:crypto';
import { NotFound } from '../../base/index.ts';
import { CERTIFICATE_SIGNING_REQUESTS, type Informer, workspaceOf } from '../../client/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';
import { type Csr, conditionOf } from './signer-rules.ts';

const HOUR_MS = 3600 * 1000;
const DECIDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

/**
 * Takes certificate requests away that are done with: an hour after they were signed, denied or failed, a day after
 * nobody decided, and when their certificate has ended.
 * Source: k8s.io/kubernetes/pkg/controller/certificates/cleaner.
 */
export class CertificateCleaner implements RunnableController {
  readonly name = 'csrcleaner';
  readonly #context: ControllerContext;
  readonly #requests: Informer<Csr>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#requests = context.informers.informer<Csr>(CERTIFICATE_SIGNING_REQUESTS);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!(await cachesSynced(signal, this.#requests))) return;
    while (!signal.aborted) {
      for (const request of this.#requests.list())
        if (isDone(request, this.#context.clock.now())) await this.#delete(request);
      // Rejects only because of the signal, which ends the loop.
      await this.#context.clock.sleep(HOUR_MS, signal).catch(() => undefined);
    }
  }

  async #delete(request: Csr): Promise<void> {
    const { name, uid } = request.metadata;
    try {
      await this.#context.client
        .in(workspaceOf(request))
        .resource<Csr>(CERTIFICATE_SIGNING_REQUESTS)
        .delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }
}

export function isDone(request: Csr, nowMs: number): boolean {
  const { certificate, conditions = [] } = request.status ?? {};
  const olderThan = (time: string | undefined, ms: number) =>
    time !== undefined && nowMs - Date.parse(time) > ms;
  if (certificate && hasEnded(certificate, nowMs)) return true;
  const decided = conditionOf(request, 'Denied') ?? conditionOf(request, 'Failed');
  if (decided !== undefined) return olderThan(decided.lastUpdateTime, DECIDED_MS);
  const approved = conditionOf(request, 'Approved');
  if (approved !== undefined) return Boolean(certificate) && olderThan(approved.lastUpdateTime, DECIDED_MS);
  return conditions.length === 0 && olderThan(request.metadata.creationTimestamp, PENDING_MS);
}

function hasEnded(certificate: string, nowMs: number): boolean {
  const pem = Buffer.from(certificate, 'base64').toString();
  return new X509Certificate(pem).validToDate.getTime() < nowMs;
}
