import { NotFound } from '../../base/index.ts';
import { Controller, Informer, keyOf, SECRETS, splitKey } from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

/** Deletes joining tokens that have ended. Source: k8s.io/kubernetes/pkg/controller/bootstrap/tokencleaner.go. */
export class BootstrapTokenCleaner implements RunnableController {
  readonly name = 'token-cleaner';
  readonly #context: ControllerContext;
  readonly #secrets: Informer<corev1.Secret>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { watchClient, clock, log } = context;
    this.#secrets = new Informer<corev1.Secret>({
      client: watchClient,
      resource: SECRETS,
      fieldSelector: 'metadata.namespace=kube-system,type=bootstrap.kubernetes.io/token',
      transform: expirationOnly,
      clock,
      log,
    });
    this.#controller = new Controller({
      name: this.name,
      log,
      clock,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#secrets.addHandler({
      onAdd: (secret) => queue.add(keyOf(secret)),
      onUpdate: (secret) => queue.add(keyOf(secret)),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.#secrets.run(signal);
    if (await cachesSynced(signal, this.#secrets)) await this.#controller.run(signal);
    await following;
  }

  /** Looks again when the token ends. */
  async #reconcile(key: string): Promise<number | undefined> {
    const secret = this.#secrets.get(key);
    const expiration = Buffer.from(String(secret?.data?.expiration ?? ''), 'base64').toString();
    if (secret === undefined || expiration === '') return undefined;
    const leftMs = Date.parse(expiration) - this.#context.clock.now();
    if (leftMs > 0) return leftMs;
    const { workspace, name, namespace } = splitKey(key);
    const { uid } = secret.metadata;
    try {
      await this.#context.client
        .in(workspace)
        .resource(SECRETS)
        .delete(name, { namespace, preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
    return undefined;
  }
}

/** The secret itself is nothing to hold in memory. */
function expirationOnly({ metadata, type, data }: corev1.Secret): corev1.Secret {
  const expiration = data?.expiration;
  return { metadata, ...(type && { type }), ...(expiration !== undefined && { data: { expiration } }) };
}
