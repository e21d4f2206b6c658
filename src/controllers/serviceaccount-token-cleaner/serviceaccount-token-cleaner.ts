import { NotFound } from '../../base/index.ts';
import {
  Controller,
  Informer,
  keyOf,
  makeKey,
  SECRETS,
  SERVICE_ACCOUNTS,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import type { corev1 } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

const NAME_ANNOTATION = 'kubernetes.io/service-account.name';
const UID_ANNOTATION = 'kubernetes.io/service-account.uid';
const BY_ACCOUNT = 'account';

/**
 * Deletes token Secrets of service accounts that are gone, and those nobody's account asked for. (The API server fills
 * such Secrets in as they are written.) Source: k8s.io/kubernetes/pkg/controller/serviceaccount/tokens_controller.go.
 */
export class ServiceAccountTokenCleaner implements RunnableController {
  readonly name = 'serviceaccount-token-controller';
  readonly #context: ControllerContext;
  readonly #secrets: Informer<corev1.Secret>;
  readonly #accounts: Informer<corev1.ServiceAccount>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { watchClient, clock, log, informers } = context;
    this.#accounts = informers.informer<corev1.ServiceAccount>(SERVICE_ACCOUNTS);
    this.#secrets = new Informer<corev1.Secret>({
      client: watchClient,
      resource: SECRETS,
      fieldSelector: 'type=kubernetes.io/service-account-token',
      transform: ({ metadata, type }) => ({ metadata, ...(type && { type }) }),
      indexers: { [BY_ACCOUNT]: (secret) => [accountKeyOf(secret)] },
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
    const add = (secret: corev1.Secret) => queue.add(keyOf(secret));
    this.#secrets.addHandler({ onAdd: add, onUpdate: add });
    this.#accounts.addHandler({
      onDelete: (account) => {
        for (const secret of this.#secrets.byIndex(BY_ACCOUNT, keyOf(account))) add(secret);
      },
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = this.#secrets.run(signal);
    if (await cachesSynced(signal, this.#secrets, this.#accounts)) await this.#controller.run(signal);
    await following;
  }

  async #reconcile(key: string): Promise<undefined> {
    const secret = this.#secrets.get(key);
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return;
    const { workspace, namespace, name } = splitKey(key);
    const { annotations, uid } = secret.metadata;
    const client = this.#context.client.in(workspace);
    const account = await this.#accountNow(workspace, namespace, annotations?.[NAME_ANNOTATION] ?? '');
    const wanted = annotations?.[UID_ANNOTATION];
    if (account !== undefined && (wanted === undefined || wanted === account.metadata.uid)) return;
    try {
      await client.resource(SECRETS).delete(name, { namespace, preconditions: { uid } });
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
    }
  }

  /** The cache may lag behind a new account: nothing is deleted on its word alone. */
  async #accountNow(
    workspace: string,
    namespace: string,
    name: string,
  ): Promise<corev1.ServiceAccount | undefined> {
    if (name === '') return undefined;
    try {
      return await this.#context.client
        .in(workspace)
        .resource<corev1.ServiceAccount>(SERVICE_ACCOUNTS)
        .get(name, namespace);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }
}

function accountKeyOf(secret: corev1.Secret): string {
  const { namespace = '', annotations } = secret.metadata;
  return makeKey(workspaceOf(secret), namespace, annotations?.[NAME_ANNOTATION] ?? '');
}
