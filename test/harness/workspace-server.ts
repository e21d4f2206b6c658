import { expect } from 'vitest';
import type { ApiRequest, ApiResponse, User } from '../../src/apiserver/index.ts';
import { type RunningServer, startServer } from '../conformance/running-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: objects are looked at as the JSON they are.
export type Json = Record<string, any>;

export const MASTER: User = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };

export function person(name: string, ...groups: string[]): User {
  return { name, groups: [...groups, 'system:authenticated'] };
}

export interface Answered {
  status: number;
  body: Json;
}

const LOGICAL_CLUSTERS = '/apis/core.kcp.io/v1alpha1/logicalclusters';
const WORKSPACES = '/apis/tenancy.kcp.io/v1alpha1/workspaces';

/** An API server without controllers, asked in memory as anybody. */
export class WorkspaceServer {
  readonly running: RunningServer;

  private constructor(running: RunningServer) {
    this.running = running;
  }

  static async start(options: Parameters<typeof startServer>[0] = {}): Promise<WorkspaceServer> {
    return new WorkspaceServer(await startServer(options));
  }

  stop(): Promise<void> {
    return this.running.stop();
  }

  async ask(
    user: User,
    method: ApiRequest['method'],
    target: string,
    body?: Json,
    headers: Record<string, string> = {},
  ): Promise<Answered> {
    return answered(await this.running.server.handle(requestOf(method, target, body, headers), user));
  }

  /** As master. */
  async made(target: string, body: Json): Promise<Json> {
    const answer = await this.ask(MASTER, 'POST', target, body);
    expect(answer).toMatchObject({ status: 201 });
    return answer.body;
  }

  /** What the controllers do, by hand: a Workspace in root, and the logical cluster it leads to, ready. */
  async makeWorkspace(name: string, cluster: string): Promise<string> {
    const internal = this.running.server.localTransport(MASTER);
    const send = async (method: ApiRequest['method'], path: string, body: Json) => {
      const answer = await answered(await internal.request(requestOf(method, path, body)));
      expect(answer.status, answer.body.message).toBeLessThan(300);
    };
    const prefix = `/clusters/${cluster}`;
    await send('POST', `${prefix}${LOGICAL_CLUSTERS}`, {
      apiVersion: 'core.kcp.io/v1alpha1',
      kind: 'LogicalCluster',
      metadata: { name: 'cluster', annotations: { 'kcp.io/path': `root:${name}` } },
      spec: {
        owner: {
          ...{ apiVersion: 'tenancy.kcp.io/v1alpha1', resource: 'workspaces' },
          ...{ name, cluster: 'root', uid: 'b0a9f3de-0000-4000-8000-000000000000' },
        },
      },
    });
    await send('PATCH', `${prefix}${LOGICAL_CLUSTERS}/cluster/status`, { status: { phase: 'Ready' } });
    await send('POST', WORKSPACES, {
      ...{ apiVersion: 'tenancy.kcp.io/v1alpha1', kind: 'Workspace', metadata: { name } },
      spec: { cluster, URL: `https://192.0.2.1:6443${prefix}` },
    });
    return prefix;
  }

  /** A cluster role, to a user. */
  async grant(prefix: string, user: string, role: string): Promise<void> {
    await this.made(`${prefix}/apis/rbac.authorization.k8s.io/v1/clusterrolebindings`, {
      metadata: { name: `${user}-${role.replaceAll(':', '-')}` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
    });
  }
}

function requestOf(
  method: ApiRequest['method'],
  target: string,
  body?: Json,
  headers: Record<string, string> = {},
): ApiRequest {
  const [path, query] = target.split('?');
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  return {
    method,
    path: path!,
    ...(query !== undefined && { query: new URLSearchParams(query) }),
    headers: { 'content-type': type, ...headers },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  };
}

async function answered({ status, body }: ApiResponse): Promise<Answered> {
  const chunks: Uint8Array[] = [];
  if (body instanceof Uint8Array) chunks.push(body);
  else for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { status, body: text.startsWith('{') ? JSON.parse(text) : { text } };
}
