import { AlreadyExists, NotFound } from '../../base/index.ts';
import {
  type Client,
  CONFIG_MAPS,
  Controller,
  hasStatusCause,
  type Informer,
  keyOf,
  makeKey,
  NAMESPACES,
  SERVICE_ACCOUNTS,
  splitKey,
  workspaceOf,
} from '../../client/index.ts';
import type { corev1, KubeObject } from '../../kube/index.ts';
import { type ControllerContext, cachesSynced, type RunnableController } from '../context.ts';

const ROOT_CA = 'kube-root-ca.crt';
/** A namespace waits for two writes, and the store takes many together. */
const WORKERS = 32;
const ROOT_CA_DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as ' +
  'the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of ' +
  'Kubernetes clusters.';

/**
 * Gives every namespace its ServiceAccount `default` and the ConfigMap `kube-root-ca.crt`, which pods need
 * before they can start, and puts them back when they are deleted or changed.
 */
export class ServiceAccountController implements RunnableController {
  readonly name = 'serviceaccount-controller';
  readonly #context: ControllerContext;
  readonly #publisher: Client;
  readonly #namespaces: Informer<corev1.Namespace>;
  readonly #accounts: Informer<corev1.ServiceAccount>;
  readonly #configMaps: Informer<corev1.ConfigMap>;
  readonly #controller: Controller;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#publisher = context.clientFor('root-ca-cert-publisher');
    const { informers } = context;
    this.#namespaces = informers.informer<corev1.Namespace>(NAMESPACES);
    this.#accounts = informers.informer<corev1.ServiceAccount>(SERVICE_ACCOUNTS);
    this.#configMaps = informers.informer<corev1.ConfigMap>(CONFIG_MAPS, (configMap) =>
      withoutForeignData(configMap, context.config.caPem),
    );
    this.#controller = new Controller({
      name: this.name,
      log: context.log,
      clock: context.clock,
      workers: WORKERS,
      reconcile: (key) => this.#reconcile(key),
    });
    const { queue } = this.#controller;
    this.#namespaces.addHandler({
      onAdd: (namespace) => queue.add(keyOf(namespace)),
      onUpdate: (namespace) => queue.add(keyOf(namespace)),
    });
    const addNamespace = (object: KubeObject) =>
      queue.add(makeKey(workspaceOf(object), '', object.metadata.namespace ?? ''));
    this.#accounts.addHandler({
      onDelete: (account) => account.metadata.name === 'default' && addNamespace(account),
    });
    this.#configMaps.addHandler({
      onUpdate: (configMap) => configMap.metadata.name === ROOT_CA && addNamespace(configMap),
      onDelete: (configMap) => configMap.metadata.name === ROOT_CA && addNamespace(configMap),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (await cachesSynced(signal, this.#namespaces, this.#accounts, this.#configMaps))
      await this.#controller.run(signal);
  }

  async #reconcile(key: string): Promise<undefined> {
    const namespace = this.#namespaces.get(key);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    const { workspace, name } = splitKey(key);
    const client = this.#context.client.in(workspace);
    try {
      await Promise.all([
        this.#ensureAccount(client, workspace, name),
        this.#ensureRootCa(this.#publisher.in(workspace), workspace, name),
      ]);
    } catch (error) {
      // Its deletion has begun meanwhile.
      if (!hasStatusCause(error, 'NamespaceTerminating') && !(error instanceof NotFound)) throw error;
    }
  }

  async #ensureAccount(client: Client, workspace: string, namespace: string): Promise<void> {
    if (this.#accounts.get(makeKey(workspace, namespace, 'default')) !== undefined) return;
    await ignoreExisting(
      client
        .resource<corev1.ServiceAccount>(SERVICE_ACCOUNTS)
        .create({ metadata: { name: 'default', namespace } }),
    );
  }

  async #ensureRootCa(client: Client, workspace: string, namespace: string): Promise<void> {
    const configMaps = client.resource<corev1.ConfigMap>(CONFIG_MAPS);
    const data = { 'ca.crt': this.#context.config.caPem };
    const current = this.#configMaps.get(makeKey(workspace, namespace, ROOT_CA));
    const annotations = { 'kubernetes.io/description': ROOT_CA_DESCRIPTION };
    if (current === undefined) {
      await ignoreExisting(configMaps.create({ metadata: { name: ROOT_CA, namespace, annotations }, data }));
      return;
    }
    const sameData =
      current.data?.['ca.crt'] === data['ca.crt'] && Object.keys(current.data ?? {}).length === 1;
    if (sameData && current.metadata.annotations?.['kubernetes.io/description'] === ROOT_CA_DESCRIPTION)
      return;
    const metadata = {
      ...current.metadata,
      annotations: { ...current.metadata.annotations, ...annotations },
    };
    await configMaps.update({ ...current, metadata, data });
  }
}

/** Only the content of the one ConfigMap this controller keeps is held in memory, and once however many there are. */
function withoutForeignData(configMap: corev1.ConfigMap, caPem: string): corev1.ConfigMap {
  delete configMap.metadata.managedFields;
  if (configMap.metadata.name === ROOT_CA) {
    if (configMap.data?.['ca.crt'] === caPem) configMap.data['ca.crt'] = caPem;
    return configMap;
  }
  const { data: _data, binaryData: _binaryData, ...rest } = configMap;
  return rest;
}

async function ignoreExisting(creation: Promise<unknown>): Promise<void> {
  try {
    await creation;
  } catch (error) {
    if (!(error instanceof AlreadyExists)) throw error;
  }
}
