import {
  CERTIFICATE_SIGNING_REQUESTS,
  Controller,
  type Informer,
  keyOf,
  SUBJECT_ACCESS_REVIEWS,
  workspaceOf,
} from '../../client/index.ts';
import { type authorizationv1, parseCertificateRequest } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, isInRoot, type RunnableController } from '../context.ts';
import { type Csr, conditionOf, nodeClientRight } from './signer-rules.ts';

const MESSAGES = {
  selfnodeclient: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  nodeclient: 'Auto approving kubelet client certificate after SubjectAccessReview.',
};

/**
 * Approves the client certificates kubelets ask for when their asker has the right to; all others wait for a person.
 * Source: k8s.io/kubernetes/pkg/controller/certificates/approver.
 */
export class CertificateApprovalController implements RunnableController {
  readonly name = 'csrapproving';
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
    if (request === undefined || request.status?.certificate) return;
    if (conditionOf(request, 'Approved') ?? conditionOf(request, 'Denied')) return;
    const content = parseCertificateRequest(Buffer.from(request.spec.request, 'base64').toString());
    const right = nodeClientRight(request, content);
    if (right === undefined) return;
    const allowed =
      (await this.#mayAsk(request, right)) ||
      // Who may ask for any node may ask for itself.
      (right === 'selfnodeclient' && (await this.#mayAsk(request, 'nodeclient')));
    if (allowed) await this.#approve(request, MESSAGES[right]);
  }

  async #mayAsk(request: Csr, right: keyof typeof MESSAGES): Promise<boolean> {
    const { username = '', uid, groups = [], extra } = request.spec;
    const review = await this.#context.client
      .in(workspaceOf(request))
      .resource<authorizationv1.SubjectAccessReview>(SUBJECT_ACCESS_REVIEWS)
      .create({
        metadata: {},
        spec: {
          user: username,
          groups,
          ...(uid !== undefined && { uid }),
          ...(extra !== undefined && { extra }),
          resourceAttributes: {
            group: 'certificates.k8s.io',
            resource: 'certificatesigningrequests',
            verb: 'create',
            subresource: right,
            version: '*',
          },
        },
      });
    return review.status?.allowed === true;
  }

  async #approve(request: Csr, message: string): Promise<void> {
    const conditions = [
      ...(request.status?.conditions ?? []),
      { type: 'Approved', status: 'True', reason: 'AutoApproved', message },
    ];
    await this.#context.client
      .in(workspaceOf(request))
      .resource<Csr>(CERTIFICATE_SIGNING_REQUESTS)
      .updateSubresource({ ...request, status: { ...request.status, conditions } }, 'approval');
  }
}
