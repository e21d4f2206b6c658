import { readFileSync } from 'node:fs';
import { BadRequest, messageOf } from '../../base/index.ts';
import {
  type Client,
  createClient,
  errorFromAnswer,
  type HttpTransport,
  httpTransport,
  readKubeconfig,
} from '../../client/index.ts';
import { orreryVersion } from '../version.ts';
import { execCredential } from './exec-credential.ts';
import type { Fields } from './kubeconfig-document.ts';
import type { WorkspacePath } from './workspace-path.ts';

const USER_AGENT = `orrery-ws/${orreryVersion}`;

/** The way to one server with one user; made at the first request. */
export class Connection {
  readonly #transport: HttpTransport;
  readonly client: Client;

  private constructor(transport: HttpTransport) {
    this.#transport = transport;
    this.client = createClient(transport, { userAgent: USER_AGENT });
  }

  /**
   * @param cluster a kubeconfig's, whose server names no workspace
   * @param user a kubeconfig's
   * @throws BadRequest for ways to log in that are not supported, by name, and files that cannot be read
   */
  static async open(cluster: Fields, user: Fields): Promise<Connection> {
    const { exec, ...rest } = user;
    const login = exec === undefined ? user : { ...rest, ...(await execCredential(exec, cluster)) };
    // JSON is YAML: what is read is one kubeconfig, made of all files.
    const text = JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: 'c' } }],
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'c', user: login }],
    });
    return new Connection(httpTransport(await readKubeconfig(text, { readFile: readNamed })));
  }

  /** The names of the API groups that a workspace serves; none when the user may not know. */
  async groupsOf(path: WorkspacePath): Promise<string[]> {
    const response = await this.#transport.request({
      method: 'GET',
      path: `/clusters/${path}/apis`,
      headers: { accept: 'application/json', 'user-agent': USER_AGENT },
    });
    const text = await textOf(response.body);
    if (response.status === 403 || response.status === 404) return [];
    if (response.status >= 400) throw errorFromAnswer(response.status, text);
    const { groups } = JSON.parse(text) as { groups?: { name: string }[] };
    return (groups ?? []).map(({ name }) => name);
  }

  close(): void {
    this.#transport.close();
  }
}

function readNamed(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BadRequest(`unable to read ${path}: ${messageOf(cause)}`, { cause });
  }
}

async function textOf(body: Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  if (body instanceof Uint8Array) parts.push(body);
  else for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
