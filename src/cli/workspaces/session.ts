import { homedir } from 'node:os';
import { join } from 'node:path';
import { BadRequest, NotFound, OrreryError } from '../../base/index.ts';
import type { Client } from '../../client/index.ts';
import type { Environment } from '../data-root.ts';
import type { Connection } from './connection.ts';
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
  #connection: Promise<Connection> | undefined;

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
    const { kubeconfig: explicit } = flags;
    const { KUBECONFIG: variable } = environment;
    const files = await KubeconfigFiles.load({
      ...(explicit !== undefined && { explicit }),
      ...(variable !== undefined && { variable }),
      defaults: explicit === undefined && !variable ? await defaultFiles(environment) : [],
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

  /** See Connection. */
  async groupsOf(path: WorkspacePath): Promise<string[]> {
    return await (await this.#connect()).groupsOf(path);
  }

  /** Ends the connection, if there is one. */
  async close(): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined); // who asked for it was told
    connection?.close();
  }

  /** With `--workspace`, the URL of that one. */
  #serverAsked(server: string): string {
    const { workspace } = this.#flags;
    if (workspace === undefined) return server;
    const place = placeOf(server);
    const path = absolutePath(workspace, place, server);
    return `${place.base}/clusters/${path}`;
  }

  /** The client is loaded when the server is asked something: a shell's prompt needs none. */
  #connect(): Promise<Connection> {
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open(): Promise<Connection> {
    const { user, token, certificateAuthority, insecureSkipTlsVerify, tlsServerName } = this.#flags;
    const userName = user ?? String(this.context.user ?? '');
    const found = this.files.find('users', userName);
    if (found === undefined && user !== undefined) throw new BadRequest(`auth info "${user}" does not exist`);
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
    const { Connection } = await import('./connection.ts');
    return await Connection.open(cluster, token === undefined ? (found ?? {}) : { token });
  }
}

/** kubectl's own, and that of the cloud on this machine. */
async function defaultFiles(environment: Environment): Promise<string[]> {
  const { dataDirectoryOf } = await import('../data-root.ts');
  const { dataDirectoryAt } = await import('../data-directory.ts');
  return [
    join(homedir(), '.kube', 'config'),
    dataDirectoryAt(dataDirectoryOf(undefined, environment)).kubeconfig,
  ];
}

/** Runs what needs a kubeconfig, and ends the connection after it. */
export async function withSession<R>(
  flags: ConnectionFlags,
  run: (session: Session) => Promise<R>,
): Promise<R> {
  const session = await Session.open(flags);
  try {
    return await run(session);
  } catch (error) {
    throw asRefused(error, session.server);
  } finally {
    await session.close();
  }
}

/** kubectl's words where nothing listens. */
function asRefused(error: unknown, server: string): unknown {
  if (!(error instanceof OrreryError) || error.code !== 'Unreachable') return error;
  if (!error.message.includes('ECONNREFUSED')) return error;
  const { host } = new URL(server);
  return new OrreryError(
    'Unreachable',
    `The connection to the server ${host} was refused - did you specify the right host or port?`,
    { cause: error },
  );
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
