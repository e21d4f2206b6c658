import { NotFound, OrreryError, systemClock } from '../base/index.ts';
import { type apiregistrationv1, type KubeObject, ROOT_WORKSPACE } from '../kube/index.ts';
import { firstServiceAddress } from './admission/service-range.ts';
import type { RequestHeaderConfig } from './authentication/request-header.ts';
import { reconcileDefaultPolicy } from './bootstrap-policy/reconcile-policy.ts';
import { ensureDefaultObjects } from './default-objects.ts';
import {
  type ApiRequest,
  type ApiResponse,
  decodeText,
  encodeText,
  joinedBody,
  MASTERS_GROUP,
  type User,
  type WholeBody,
} from './http/messages.ts';
import type { ObjectClient, SentObject } from './object-client.ts';
import type { RuntimeConfig } from './registry/runtime-config.ts';
import { PATH_ANNOTATION, TYPE_ANNOTATION } from './workspaces/admission/logical-cluster-facts.ts';
import { ensureRootObjects } from './workspaces/root-objects.ts';
import { LOGICAL_CLUSTER_NAME } from './workspaces/workspace-directory.ts';

const NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];
const SELF: User = { name: 'system:apiserver', groups: [MASTERS_GROUP, 'system:authenticated'] };
const SERVICE_LABELS = { component: 'apiserver', provider: 'kubernetes' };
/** How long another server may take from the address of `kubernetes` to the Service. */
const OTHER_SERVER_MS = 10_000;
const LOOK_AGAIN_MS = 50;
/** What `kubernetes` answers on, whatever port we listen on. */
const SERVICE_PORT = 443;

const LOGICAL_CLUSTERS = '/apis/core.kcp.io/v1alpha1/logicalclusters';
/** What says that there is the first workspace; every other has one too, made with it. */
const ROOT_LOGICAL_CLUSTER = {
  apiVersion: 'core.kcp.io/v1alpha1',
  kind: 'LogicalCluster',
  metadata: {
    name: LOGICAL_CLUSTER_NAME,
    annotations: { [PATH_ANNOTATION]: ROOT_WORKSPACE, [TYPE_ANNOTATION]: `${ROOT_WORKSPACE}:root` },
  },
};

function serverUrl({ advertise: { address, port } }: BootstrapOptions): string {
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export interface BootstrapOptions {
  serviceCidr: string;
  runtimeConfig: RuntimeConfig | undefined;
  advertise: { address: string; port: number };
  /** PEM of the authority that signs client certificates. */
  clientCaPem: string;
  /** Front proxies whose word extension API servers may take: ours first. */
  requestHeaders: readonly RequestHeaderConfig[];
}

/**
 * The objects every cluster has: four namespaces, the default roles and bindings, what extension API servers must know
 * to check our clients' certificates, and the `kubernetes` Service. Run at every start, perhaps on several servers at
 * once: what is there stays.
 * Source: k8s.io/kubernetes/pkg/controlplane/controller/{systemnamespaces,kubernetesservice}.
 */
export async function bootstrap(
  handle: (request: ApiRequest, user: User) => Promise<ApiResponse>,
  options: BootstrapOptions,
): Promise<void> {
  const server = new Server(handle);
  await Promise.all(
    NAMESPACES.map((name) =>
      server.ensure('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
    ),
  );
  await reconcileDefaultPolicy(server);
  await server.merge(LOGICAL_CLUSTERS, ROOT_LOGICAL_CLUSTER);
  await server.mergeStatus(LOGICAL_CLUSTERS, ROOT_LOGICAL_CLUSTER.metadata.name, {
    phase: 'Ready',
    URL: `${serverUrl(options)}/clusters/${ROOT_WORKSPACE}`,
  });
  await ensureRootObjects(server, serverUrl(options));
  await server.merge('/api/v1/namespaces/kube-system/configmaps', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: extensionAuthentication(options),
  });
  await ensureDefaultObjects(server, options);
  await ensureKubernetesService(server, options);
}

/** The status of an APIService, stored as any client does it. @throws OrreryError BootstrapFailed, of a conflict too */
export async function storeApiServiceStatus(
  handle: (request: ApiRequest, user: User) => Promise<ApiResponse>,
  service: apiregistrationv1.APIService,
): Promise<void> {
  await new Server(handle).replaceStatus('/apis/apiregistration.k8s.io/v1/apiservices', service);
}

/** k8s.io/kubernetes/pkg/controlplane/controller/clusterauthenticationtrust. */
function extensionAuthentication({ clientCaPem, requestHeaders }: BootstrapOptions): Record<string, string> {
  const all = (pick: (config: RequestHeaderConfig) => readonly string[]) =>
    JSON.stringify([...new Set(requestHeaders.flatMap(pick))]);
  // Nobody named means everybody signed: of several such lists that is what holds for all.
  const isOpen = requestHeaders.some(({ allowedNames }) => allowedNames.length === 0);
  return {
    'client-ca-file': clientCaPem,
    'requestheader-client-ca-file': requestHeaders
      .map((one) => one.clientCaPem.trim())
      .join('\n')
      .concat('\n'),
    'requestheader-allowed-names': isOpen ? '[]' : all((one) => one.allowedNames),
    'requestheader-username-headers': all((one) => one.usernameHeaders),
    'requestheader-uid-headers': all((one) => one.uidHeaders),
    'requestheader-group-headers': all((one) => one.groupHeaders),
    'requestheader-extra-headers-prefix': all((one) => one.extraHeaderPrefixes),
  };
}

/**
 * Of several servers that begin at once one makes it. To the others its address is taken, for the moment between that
 * and the Service that took it.
 */
async function ensureKubernetesService(server: Server, options: BootstrapOptions): Promise<void> {
  const endMs = Date.now() + OTHER_SERVER_MS;
  for (;;)
    try {
      return await server.ensure('/api/v1/namespaces/default/services', kubernetesService(options));
    } catch (error) {
      const isTaken = error instanceof OrreryError && error.details.status === 422;
      if (!isTaken || Date.now() > endMs) throw error;
      await systemClock.sleep(LOOK_AGAIN_MS);
    }
}

function kubernetesService(options: BootstrapOptions): SentObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: SERVICE_LABELS },
    spec: {
      type: 'ClusterIP',
      clusterIP: firstServiceAddress(options.serviceCidr),
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: SERVICE_PORT, protocol: 'TCP', targetPort: options.advertise.port }],
    },
  };
}

/** The server's own way to its objects. */
export function ownObjectClient(
  handle: (request: ApiRequest, user: User) => Promise<ApiResponse>,
): ObjectClient {
  return new Server(handle);
}

/** Our own pipeline, spoken to as any client does. */
class Server implements ObjectClient {
  readonly #handle: (request: ApiRequest, user: User) => Promise<ApiResponse>;

  constructor(handle: (request: ApiRequest, user: User) => Promise<ApiResponse>) {
    this.#handle = handle;
  }

  /** Creates unless there; what is there is its owner's. */
  async ensure(collection: string, object: SentObject): Promise<void> {
    if ((await this.#find(`${collection}/${object.metadata.name}`)) === undefined)
      await this.create(collection, object);
  }

  /** As sent, whatever is there; nothing is written when nothing differs. */
  async replace(collection: string, object: Pick<KubeObject, 'metadata'> | SentObject): Promise<void> {
    const path = `${collection}/${object.metadata.name}`;
    if ((await this.#find(path)) === undefined) await this.create(collection, object);
    else await this.#unless(409, () => this.#send('PUT', path, object));
  }

  async replaceStatus(collection: string, object: KubeObject): Promise<void> {
    await this.#send('PUT', `${collection}/${object.metadata.name}/status`, object);
  }

  /** Nothing is written when nothing differs. */
  async mergeStatus(collection: string, name: string, status: object): Promise<void> {
    await this.#send('PATCH', `${collection}/${name}/status`, { status });
  }

  async merge(collection: string, object: SentObject): Promise<void> {
    const path = `${collection}/${object.metadata.name}`;
    if ((await this.#find(path)) === undefined) await this.create(collection, object);
    else await this.#send('PATCH', path, object);
  }

  async list(collection: string): Promise<readonly KubeObject[]> {
    return ((await this.#send('GET', collection)) as { items: KubeObject[] }).items;
  }

  async create(collection: string, object: object): Promise<void> {
    await this.#unless(409, () => this.#send('POST', collection, object));
  }

  async delete(collection: string, name: string): Promise<void> {
    await this.#unless(404, () => this.#send('DELETE', `${collection}/${name}`));
  }

  /** An answer that only says that another server was faster is as good as none. */
  async #unless(status: number, send: () => Promise<unknown>): Promise<void> {
    try {
      await send();
    } catch (error) {
      if (!(error instanceof OrreryError && error.details.status === status)) throw error;
    }
  }

  async #find(path: string): Promise<unknown> {
    try {
      return await this.#send('GET', path);
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  async #send(method: ApiRequest['method'], path: string, body?: object): Promise<unknown> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { 'content-type': type, 'user-agent': 'kube-apiserver' };
    const response = await this.#handle(
      { method, path, headers, ...(body !== undefined && { body: encodeText(JSON.stringify(body)) }) },
      SELF,
    );
    const answer = JSON.parse(decodeText(joinedBody(response.body as WholeBody))) as { message?: string };
    if (response.status < 300) return answer;
    if (response.status === 404 && method === 'GET') throw new NotFound(answer.message ?? path);
    throw new OrreryError('BootstrapFailed', `cannot make ${path}: ${answer.message}`, {
      details: { path, status: response.status },
    });
  }
}
