import {
  CERTIFICATE_SIGNING_REQUESTS,
  Controller,
  type Informer,
  keyOf,
  workspaceOf,
} from '../../client/index.ts';
import { parseCertificateRequest } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, isInRoot, type RunnableController } from '../context.ts';
import { type Csr, conditionOf, isOurSigner, signerError } from './signer-rules.ts';

/** kube-controller-manager's --cluster-signing-duration. */
const LONGEST_SECONDS = 365 * 24 * 3600;
const SHORTEST_SECONDS = 600;

/**
 * Signs approved requests of the cluster's own signers with its authority; what a signer does not sign gets the
 * condition Failed. `legacy-unknown` and signers of others are left alone.
 * Source: k8s.io/kubernetes/pkg/controller/certificates/signer.
 */
export class CertificateSigningController implements RunnableController {
  readonly name = 'csrsigning';
  readonly #context: ControllerContext;
  readonly #requests: Informer<Csr>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#requests = context.informers.informer<Csr>(CERTIFICATE_SIGNING_REQUESTS);
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#requests.addHandler({
      onAdd: (request) => isInRoot(request) && queue.add(keyOf(request)),
      onUpdate: (request) => isInRoot(request) && queue.add(keyOf(request)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#requests)) await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const request = this.#requests.get(key);
    const sign = this.#context.config.signCertificate;
    if (request === undefined || sign === undefined || !isOurSigner(request.spec.signerName)) return;
    if (request.status?.certificate || conditionOf(request, 'Failed')) return;
    if (conditionOf(request, 'Approved') === undefined || conditionOf(request, 'Denied')) return;
    const { signerName, usages = [], expirationSeconds = LONGEST_SECONDS } = request.spec;
    const pem = Buffer.from(request.spec.request, 'base64').toString();
    const refused = signerError(signerName, parseCertificateRequest(pem), usages);
    if (refused !== undefined) return this.#fail(request, refused);
    const seconds = Math.min(Math.max(expirationSeconds, SHORTEST_SECONDS), LONGEST_SECONDS);
    const certificate = Buffer.from(await sign(pem, { usages, seconds })).toString('base64');
    await this.#update({ ...request, status: { ...request.status, certificate } });
  }

  async #fail(request: Csr, message: string): Promise<undefined> {
    const failed = { type: 'Failed', status: 'True', reason: 'SignerValidationFailure', message };
    const conditions = [...(request.status?.conditions ?? []), failed];
    await this.#update({ ...request, status: { ...request.status, conditions } });
  }

  async #update(request: Csr): Promise<void> {
    await this.#context.client
      .in(workspaceOf(request))
      .resource<Csr>(CERTIFICATE_SIGNING_REQUESTS)
      .updateStatus(request);
  }
}
