import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { BadRequest, messageOf, NotFound, type OrreryError } from '../../base/index.ts';
import {
  type Client,
  createClient,
  errorFromAnswer,
  type HttpTransport,
  httpTransport,
  readKubeconfig,
} from '../../client/index.ts';
import { dataDirectoryAt } from '../data-directory.ts';
import { dataDirectoryOf, type Environment } from '../data-root.ts';
import { orreryVersion } from '../version.ts';
import type { Fields } from './kubeconfig-document.ts';
import { KubeconfigFiles } from './kubeconfig-files.ts';
import {
  isOldAbsolute,
  join as joinPath,
  placeOf,
  readDestination,
  resolveDots,
  type ServerPlace,
  type WorkspacePath,
} from './workspace-path.ts';

/** The flags that all commands share, as kubectl has them. */
export interface ConnectionFlags {
  kubeconfig?: string;
  context?: string;
  user?: string;
  server?: string;
  token?: string;
  certificateAuthority?: string;
  insecureSkipTlsVerify?: boolean;
  tlsServerName?: string;
  /** The workspace to look at, instead of the kubeconfig's. */
  workspace?: string;
}

/** A kubeconfig with one of its contexts, and the way to that server. */
export class Session {
  readonly files: KubeconfigFiles;
  readonly contextName: string;
  /** The context as it stands in the kubeconfig. */
  readonly context: Fields;
  /** The cluster that the context names, likewise. */
  readonly cluster: Fields;
  /** The URL that requests go by: the cluster's, or that of the flags. */
  readonly server: string;
  readonly #flags: ConnectionFlags;
  #connection: { transport: HttpTransport; client: Client } | undefined;

  private constructor(files: KubeconfigFiles, flags: ConnectionFlags) {
    this.files = files;
    this.#flags = flags;
    this.contextName = flags.context ?? files.currentContext;
    const context = files.find('contexts', this.contextName);
    if (context === undefined) throw noContext(files, this.contextName, flags);
    const cluster = files.find('clusters', String(context.cluster ?? ''));
    if (cluster === undefined)
      throw new BadRequest(`cluster "${String(context.cluster ?? '')}" not found in kubeconfig`);
    this.context = context;
    this.cluster = cluster;
    this.server = this.#serverAsked(flags.server ?? String(cluster.server ?? ''));
  }

  /** Opens the kubeconfig; nothing is asked of the server yet. */
  static async open(flags: ConnectionFlags, environment: Environment = process.env): Promise<Session> {
    const files = await KubeconfigFiles.load({
      ...(flags.kubeconfig !== undefined && { explicit: flags.kubeconfig }),
      ...(environment.KUBECONFIG !== undefined && { variable: environment.KUBECONFIG }),
      defaults: [
        join(homedir(), '.kube', 'config'),
        dataDirectoryAt(dataDirectoryOf(undefined, environment)).kubeconfig,
      ],
    });
    return new Session(files, flags);
  }

  /** Where the server's URL leads. */
  get place(): ServerPlace {
    return placeOf(this.server);
  }

  /** @throws BadRequest when the URL names no workspace. */
  get path(): WorkspacePath {
    const { path } = this.place;
    if (path === undefined) throw notInWorkspace(this.server);
    return path;
  }

  /** The client of one workspace. */
  async in(path: WorkspacePath): Promise<Client> {
    return (await this.#connect()).client.in(path);
  }

  /** The names of the API groups that a workspace serves; none when the user may not know. */
  async groupsOf(path: WorkspacePath): Promise<string[]> {
    const { transport } = await this.#connect();
    const response = await transport.request({
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

  /** Ends the connection, if there is one. */
  close(): void {
    this.#connection?.transport.close();
  }

  /** With `--workspace`, the URL of that one. */
  #serverAsked(server: string): string {
    const { workspace } = this.#flags;
    if (workspace === undefined) return server;
    const place = placeOf(server);
    const path = absolutePath(workspace, place, server);
    return `${place.base}/clusters/${path}`;
  }

  async #connect(): Promise<{ transport: HttpTransport; client: Client }> {
    if (this.#connection !== undefined) return this.#connection;
    const { user, token, certificateAuthority, insecureSkipTlsVerify, tlsServerName } = this.#flags;
    const userName = user ?? String(this.context.user ?? '');
    const cluster = {
      ...this.cluster,
      server: this.place.base,
      ...(tlsServerName !== undefined && { 'tls-server-name': tlsServerName }),
      ...(insecureSkipTlsVerify && { 'insecure-skip-tls-verify': true }),
      ...(certificateAuthority !== undefined && {
        'certificate-authority': certificateAuthority,
        'certificate-authority-data': undefined,
      }),
    };
    const found = this.files.find('users', userName);
    if (found === undefined && user !== undefined) throw new BadRequest(`auth info "${user}" does not exist`);
    // JSON is YAML: what is read is one kubeconfig, made of all files.
    const text = JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c', user: userName } }],
      clusters: [{ name: 'c', cluster }],
      users: [{ name: userName, user: token === undefined ? (found ?? {}) : { token } }],
    });
    const transport = httpTransport(await readKubeconfig(text, { readFile: readNamed }));
    this.#connection = { transport, client: createClient(transport, { userAgent: USER_AGENT }) };
    return this.#connection;
  }
}

const USER_AGENT = `orrery-ws/${orreryVersion}`;

/** Runs what needs a kubeconfig, and ends the connection after it. */
export async function withSession<R>(
  flags: ConnectionFlags,
  run: (session: Session) => Promise<R>,
): Promise<R> {
  const session = await Session.open(flags);
  try {
    return await run(session);
  } finally {
    session.close();
  }
}

/**
 * The path that `--workspace` and the like name.
 *
 * @throws BadRequest for what is no path, or relative where nothing is current
 */
export function absolutePath(text: string, place: ServerPlace, server: string): WorkspacePath {
  const destination = readDestination(isOldAbsolute(text) ? `:${text}` : text, '');
  if (destination.kind === 'absolute') return resolveDots(destination.path, text);
  if (destination.kind !== 'relative' && destination.kind !== 'current')
    throw new BadRequest(`invalid workspace path: ${text}`);
  if (place.path === undefined) throw notInWorkspace(server);
  return destination.kind === 'current'
    ? place.path
    : resolveDots(joinPath(place.path, destination.path), text);
}

/** kcp's words. */
function notInWorkspace(server: string): BadRequest {
  return new BadRequest(`current URL "${server}" does not point to a workspace`, {
    hint: 'name one by its whole path: orrery ws :root',
  });
}

function readNamed(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BadRequest(`unable to read ${path}: ${messageOf(cause)}`, { cause });
  }
}

function noContext(files: KubeconfigFiles, name: string, flags: ConnectionFlags): OrreryError {
  if (name !== '') return new NotFound(`current "${name}" context not found`);
  return files.hasContexts
    ? new BadRequest('current "" context not found', {
        hint: 'choose one: kubectl config use-context, or --context',
      })
    : new BadRequest('no kubeconfig was found, or nothing is in it', {
        hint: `${flags.kubeconfig === undefined ? 'set KUBECONFIG, for example to' : 'for example'} the file that \`orrery status\` names`,
      });
}

async function textOf(body: Uint8Array | readonly Uint8Array[] | AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  if (body instanceof Uint8Array) parts.push(body);
  else for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
